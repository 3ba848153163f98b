# keep.sh LEASE ADDRESS_FILE ADDRESS IDLE_LIMIT_S MAX_AGE_S COMMAND…
# Runs COMMAND for as long as some test process holds a shared lock on LEASE, and a little longer for the next one.
# It ends COMMAND after IDLE_LIMIT_S without a holder (after MAX_AGE_S: at the first idle moment), and holds the lease
# exclusively while it does, so that a test process that comes then waits and starts a new one.
lease=$1 address_file=$2 address=$3 idle_limit=$4 max_age=$5
shift 5
exec 9>>"$lease"
# If this script is killed, even with -9, the kernel kills COMMAND.
setpriv --pdeathsig KILL "$@" 9>&- &
child=$!
trap 'kill "$child" 2>/dev/null; exit 1' TERM INT HUP
idle=0 age=0
while kill -0 "$child" 2>/dev/null; do
  sleep 1 9>&-
  age=$((age + 1))
  if flock --nonblock --exclusive 9; then
    idle=$((idle + 1))
    if [ "$idle" -ge "$idle_limit" ] || [ "$age" -ge "$max_age" ]; then break; fi
    flock --unlock 9
  else
    idle=0
  fi
done
# Only our own address: after a crash of COMMAND someone may already have started another.
if [ "$(cat "$address_file" 2>/dev/null)" = "$address" ]; then rm -f "$address_file"; fi
kill "$child" 2>/dev/null
wait "$child"
