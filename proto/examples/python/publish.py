"""A small client of a Walbrook agency service: one event, the same event again, a refusal, then many events over one stream.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    walbrook token --as GSS:E09000007 --event 'housing.*' > token
    venv/bin/python publish.py --endpoint 127.0.0.1:7103 --token-file token

The stubs are made from ../../*.proto when the program starts; a real client makes them once, when it is built. The people are
invented: their NHS numbers begin with 999.
"""

import argparse
import collections
import datetime
import pathlib
import random
import sys
import tempfile
import threading
import time
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

CONTRACTS = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 10  # a receipt waits for Kafka on all replicas, and once a subject for identity
TRIES = 8
WINDOW = 8  # frames without an answer; the service takes no more at a time
FRAME = 200  # events a frame, 1,000 at most
PASSES = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}


def make_stubs(folder):
    """Python modules of the contracts that this client uses."""
    import grpc_tools

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = [str(path) for area in ("common", "housing") for path in sorted((CONTRACTS / area / "v1").glob("*.proto"))]
    done = protoc.main(
        ["protoc", f"-I{CONTRACTS}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    )
    if done != 0:
        sys.exit("protoc could not read the contracts")
    sys.path.insert(0, str(folder))


class Token:
    """Reads the token anew for each call: it is replaced in its file before it expires."""

    def __init__(self, file):
        self.file = file

    def metadata(self):
        return [("authorization", "Bearer " + self.file.read_text().strip())]


def violations(error):
    """(rule, field, sentence) of everything that is wrong with an event, all at once."""
    status = rpc_status.from_call(error)
    found = []
    for detail in status.details if status else []:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found += [(one.reason, one.field, one.description) for one in bad.field_violations]
    return found


def pause(attempt):
    """Doubles from 0.1 s to 5 s, with chance, so that clients do not come back all at once."""
    time.sleep(random.uniform(0.5, 1.0) * min(5.0, 0.1 * 2**attempt))


class Client:
    def __init__(self, endpoint, token):
        from housing.v1 import service_pb2_grpc

        self.token = token
        self.channel = grpc.insecure_channel(endpoint)  # on one machine; elsewhere grpc.secure_channel
        self.service = service_pb2_grpc.HousingEventsStub(self.channel)

    def publish(self, event):
        """One event, until there is a receipt. The event id stays the same: a retry counts once."""
        from housing.v1 import service_pb2

        request = service_pb2.PublishRequest(event=event)
        for attempt in range(TRIES):
            try:
                return self.service.Publish(request, timeout=DEADLINE_S, metadata=self.token.metadata())
            except grpc.RpcError as error:
                if error.code() not in PASSES or attempt == TRIES - 1:
                    raise
                pause(attempt)

    def publish_all(self, events):
        """Many events over streams. Frames without an answer when a stream breaks are sent again over the next one."""
        outcomes = []
        waiting = collections.deque(events[at : at + FRAME] for at in range(0, len(events), FRAME))
        for attempt in range(TRIES):
            try:
                for answered in self.stream(waiting):
                    outcomes += answered.outcomes
                return outcomes
            except grpc.RpcError as error:
                if error.code() not in PASSES or attempt == TRIES - 1:
                    raise
                pause(attempt)

    def stream(self, waiting):
        """One stream: at most WINDOW frames without an answer. A frame leaves `waiting` when it is answered."""
        from housing.v1 import service_pb2

        frames = [service_pb2.PublishFrame(sequence=n, events=events) for n, events in enumerate(waiting, 1)]
        free = threading.Semaphore(WINDOW)

        def sent():
            for frame in frames:
                free.acquire()
                yield frame

        for answer in self.service.PublishStream(sent(), metadata=self.token.metadata()):
            waiting.popleft()
            free.release()
            yield answer


def arrears(local_id, pence, landlord="LA"):
    """Rent arrears of an invented tenant, found ten days ago."""
    from common.v1 import date_pb2, event_pb2
    from housing.v1 import events_pb2, service_pb2

    day = datetime.date.today() - datetime.timedelta(days=10)
    who = event_pb2.Demographics(
        given_name="Aveline",
        family_name="Quillfeather",
        birth_date=date_pb2.Date(year=1987, month=3, day=14),
        postcode="NW1 0XX",
    )
    return service_pb2.Event(
        head=event_pb2.EventHead(
            event_id=str(uuid.uuid4()),
            subject=event_pb2.Subject(scheme="LOCAL", local_id=local_id, demographics=who),
            occurred_on=date_pb2.Date(year=day.year, month=day.month, day=day.day),
        ),
        rent_arrears_changed=events_pb2.RentArrearsChanged(
            tenancy_ref="T-" + local_id, landlord_type=landlord, arrears_pence=pence, contact_made=True
        ),
    )


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--token-file", required=True, type=pathlib.Path)
    arguments.add_argument("--events", type=int, default=2_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_stubs(folder)
        run(Client(given.endpoint, Token(given.token_file)), given.events)


def run(client, count):
    event = arrears("PY-1", 120_000)
    receipt = client.publish(event)
    print("receipt", event.head.event_id, receipt.receipt_id)
    again = client.publish(event)
    print("again", again.event_id, again.receipt_id)
    try:
        client.publish(arrears("PY-1", 120_000, landlord="A FRIEND"))
    except grpc.RpcError as error:
        for rule, field, _ in violations(error):
            print("refused", rule, field)
    outcomes = client.publish_all([arrears(f"PY-{n % 50}", n) for n in range(count)])
    print("stream", sum(one.HasField("receipt") for one in outcomes), "receipts of", count)


if __name__ == "__main__":
    main()
