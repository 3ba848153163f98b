#!/bin/sh
# One event from the shell. The services answer reflection, so grpcurl needs no proto files:
#   go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
#   TOKEN=$(walbrook token --as GSS:E09000007 --event 'housing.*') ./publish.sh 127.0.0.1:7103
# `grpcurl -plaintext 127.0.0.1:7103 describe walbrook.housing.v1.RentArrearsChanged` says what an event is made of.
set -eu
endpoint=${1:?the address of the housing service, host:port}
event_id=${2:-$(cat /proc/sys/kernel/random/uuid)}
day=$(date -d '10 days ago' '+{"year": %-Y, "month": %-m, "day": %-d}')

# -max-time is the deadline. The same event id again gets a receipt again and counts once.
grpcurl -plaintext -max-time 10 -H "authorization: Bearer ${TOKEN:?a token}" -d @ \
  "$endpoint" walbrook.housing.v1.HousingEvents/Publish <<EOF
{
  "event": {
    "head": {
      "eventId": "$event_id",
      "subject": {
        "scheme": "LOCAL",
        "localId": "SH-1",
        "demographics": {
          "givenName": "Aveline",
          "familyName": "Quillfeather",
          "birthDate": {"year": 1987, "month": 3, "day": 14},
          "postcode": "NW1 0XX"
        }
      },
      "occurredOn": $day
    },
    "rentArrearsChanged": {
      "tenancyRef": "T-1",
      "landlordType": "${LANDLORD:-LA}",
      "arrearsPence": "120000",
      "contactMade": true
    }
  }
}
EOF
