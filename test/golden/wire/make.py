#!/usr/bin/env python3
"""Makes the golden bytes of the messages that the project defines.

  make.py ENCODER        writes one .txt for each message beside itself

ENCODER is a program that encodes Kafka messages from JSON values independently of the project:
`ENCODER MESSAGE VERSION VALUES.json` prints the body in hex. Each line of a .txt is "version case hex".
"""
import json
import pathlib
import subprocess
import sys
import tempfile

LONG = "x" * 300
UNICODE = "grüppe-\U0001f600"

# Message: (versions, {case: values}). A field that a version lacks and that is not ignorable is left out below.
MESSAGES = {
    "OffsetCommitKey": (range(0, 1), {
        "defaults": {},
        "awkward": {"group": UNICODE, "topic": LONG, "partition": -2147483648},
    }),
    "OffsetCommitValue": (range(0, 5), {
        "defaults": {},
        "plain": {"offset": 42, "leader_epoch": 7, "metadata": "m", "commit_timestamp": 1700000000000},
        "awkward": {"offset": 9223372036854775807, "leader_epoch": 2147483647, "metadata": LONG,
                    "commit_timestamp": -9223372036854775808, "expire_timestamp": 5,
                    "topic_id": "00112233445566778899aabbccddeeff"},
    }),
    "GroupMetadataKey": (range(0, 1), {"defaults": {}, "awkward": {"group": UNICODE}}),
    "GroupMetadataValue": (range(0, 5), {
        "defaults": {},
        "empty": {"protocol_type": "consumer", "generation": 9, "protocol": None, "leader": None,
                  "current_state_timestamp": 1700000000001},
        "awkward": {"protocol_type": UNICODE, "generation": -1, "protocol": "range", "leader": "m1",
                    "current_state_timestamp": 3, "members": [
                        {"member_id": "m1", "group_instance_id": "i1", "client_id": "c", "client_host": "/h",
                         "rebalance_timeout": 60000, "session_timeout": 45000, "subscription": "000102ff",
                         "assignment": "ab" * 200},
                        {"member_id": "", "group_instance_id": None, "client_id": LONG, "client_host": "",
                         "rebalance_timeout": -1, "session_timeout": 2147483647, "subscription": "",
                         "assignment": ""}]},
    }),
    "ConsumerProtocolSubscription": (range(0, 4), {
        "defaults": {},
        "plain": {"topics": ["orders"]},
        "awkward": {"topics": ["", LONG, UNICODE], "user_data": "", "owned_partitions": [
            {"topic": "a", "partitions": [0, 1, 2147483647]}, {"topic": "b", "partitions": []}],
            "generation_id": 12, "rack_id": "r"},
    }),
    "ConsumerProtocolAssignment": (range(0, 4), {
        "defaults": {},
        "awkward": {"assigned_partitions": [{"topic": LONG, "partitions": [3, 1]},
                                            {"topic": "", "partitions": []}], "user_data": "00ff"},
    }),
    # Not used by the engine: they exercise what the stored records do not (nullable since a version, nested and
    # tagged structs, flexible arrays, a field with flexible versions of its own).
    "RequestHeader": (range(1, 3), {
        "defaults": {"client_id": None},
        "awkward": {"request_api_key": 18, "request_api_version": 3, "correlation_id": -1, "client_id": UNICODE},
    }),
    "FetchRequest": (range(4, 18), {
        "defaults": {},
        "awkward": {"max_wait_ms": 500, "min_bytes": 1, "max_bytes": 52428800, "isolation_level": 1,
                    "topics": [{"partitions": [{"partition": 1, "fetch_offset": 77, "partition_max_bytes": 9},
                                               {"partition": 2, "fetch_offset": -1, "partition_max_bytes": 0}]}]},
    }),
    "ApiVersionsResponse": (range(0, 5), {
        "defaults": {},
        "awkward": {"error_code": 35, "api_keys": [{"api_key": 0, "min_version": 0, "max_version": 11}]},
        "tagged": {"api_keys": [], "supported_features": [
            {"name": "transaction.version", "min_version": 0, "max_version": 2}],
            "finalized_features_epoch": 5, "zk_migration_ready": True},
    }),
    "DescribeTopicPartitionsResponse": (range(0, 1), {
        "defaults": {},
        "awkward": {"throttle_time_ms": 1, "topics": [{"name": None, "topic_id": "ff" * 16,
                                                       "is_internal": True}],
                    "next_cursor": {"topic_name": "t", "partition_index": 4}},
    }),
}


def main(encoder):
    here = pathlib.Path(__file__).resolve().parent
    for message, (versions, cases) in MESSAGES.items():
        lines = []
        for version in versions:
            for case, values in cases.items():
                with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                    json.dump(values, file)
                    file.flush()
                    run = subprocess.run([sys.executable, encoder, message, str(version), file.name],
                                         capture_output=True, text=True)
                if run.returncode == 0:
                    lines.append(f"{version} {case} {run.stdout.strip() or '-'}")
                else:
                    print(message, version, case, run.stderr.strip(), file=sys.stderr)
        (here / f"{message}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
