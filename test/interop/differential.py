#!/usr/bin/env python3
"""The same requests to Apache Kafka and to our broker; the answers are compared field by field.

    test/interop/differential.py JARS KAFKA OURS [--only TEXT] [--all]

JARS: a folder with kafka-clients-*.jar, whose schemas encode and decode everything (kafka_jars.sh). KAFKA and OURS: HOST:PORT of two
brokers with the same settings; differential.sh starts both. differential_meant.txt lists the differences that are meant, each with its
reason; one that is not seen any more fails as one that is not listed does (not with --only). --all prints those that are meant, too.
Exit code 1 where the two differ otherwise. Negative control: an answer that is changed on the way is found to differ.
"""

import copy
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import differential_groups
from differential_cases import *
from kafka_wire import Closed, Connection, Schemas

# What either side makes up, and where it lives.
OWN = {"TopicId", "MemberId", "ClusterId", "ProducerId", "LogDir", "Host", "Port", "Leader", "ControllerEpoch", "TotalBytes", "UsableBytes",
       "ClientHost", "FinalizedFeaturesEpoch", "SessionId", "MemberEpoch", "GroupEpoch", "AssignmentEpoch", "LastTimestamp", "Documentation", "LogAppendTimeMs"}
# Sentences: both have one, or neither has.
SENTENCES = {"ErrorMessage", "BatchIndexErrorMessage"}
# What tells the elements of a list apart.
NAMES = ("Name", "Topic", "TopicName", "GroupId", "ApiKey", "Key", "ResourceType", "ResourceName", "PartitionIndex", "Partition", "Index",
         "ErrorCode", "NodeId", "BrokerId", "NodeEndpoint")


class Differential:
    def __init__(self, schemas, addresses, only):
        self.schemas, self.addresses, self.only = schemas, addresses, only
        self.tag = f"d{int(time.time())}-"
        self.connections = [Connection(address, schemas) for address in addresses]
        ranges = [self._ranges(connection) for connection in self.connections]
        self.keys = sorted(set(ranges[0]) & set(ranges[1]))
        self.versions = {key: range(max(r[key][0] for r in ranges), min(r[key][1] for r in ranges) + 1) for key in self.keys}
        self.ids = ({}, {})
        self.asked = 0
        self.differences = []
        self.tamper = None

    @staticmethod
    def _ranges(connection):
        answer = connection.call(18, 3, {"ClientSoftwareName": "d", "ClientSoftwareVersion": "1"})
        return {one["ApiKey"]: (one["MinVersion"], one["MaxVersion"]) for one in answer["ApiKeys"]}

    def name(self, name, version):
        """Another one for each run and version, where the name itself is not the point."""
        return name if name in ("", ".", "..", "bad name!") or len(name) > 200 else f"{self.tag}{name}-{version}"

    def settle(self):
        """Until both list the same topics of this run: Kafka's brokers learn of them a moment later."""
        for _ in range(100):
            lists = []
            for side, connection in enumerate(self.connections):
                topics = connection.call(3, 12, {"Topics": None})["Topics"]
                self.ids[side].update({topic["Name"]: topic["TopicId"] for topic in topics})
                lists.append({topic["Name"] for topic in topics if topic["Name"].startswith(self.tag) and topic["ErrorCode"] == 0})
            if lists[0] == lists[1]:
                return
            time.sleep(0.05)

    def prepare(self):
        """Topics for the cases to work on."""
        made = {"topic": new_topic("topic", 2), "empty": new_topic("empty"), "read": new_topic("read"), "trimmed": new_topic("trimmed"),
                "small": new_topic("small", configs={"max.message.bytes": "2000"}), "other": new_topic("other", configs={"segment.bytes": "2000000"}),
                "compacted": new_topic("compacted", configs={"cleanup.policy": "compact"}), "sequenced": new_topic("sequenced"),
                "stamped": new_topic("stamped", configs={"message.timestamp.type": "LogAppendTime"})}
        for attribute, topic in made.items():
            topic["Name"] = self.tag + topic["Name"]
            setattr(self, attribute, topic["Name"])
        for connection in self.connections:
            answer = connection.call(CREATE, 5, {"Topics": list(made.values()), "timeoutMs": 30000})
            assert all(topic["ErrorCode"] == 0 for topic in answer["Topics"]), answer
        self.settle()
        for connection in self.connections:
            for i in range(5):
                data = [{"Name": name, "PartitionData": [{"Index": 0, "Records": batch([b"v"] * 4, TIME + 200 * i)}]} for name in (self.read, self.trimmed)]
                for one in data:
                    self._produce(connection, one)
            connection.call(DELETE_RECORDS, 2, {"Topics": [{"Name": self.trimmed, "Partitions": [{"PartitionIndex": 0, "Offset": 4}]}], "TimeoutMs": 30000})
            self._commit_first(connection)
            for _ in range(200):
                if connection.call(PRODUCER_ID, 2, {"TransactionalId": None, "TransactionTimeoutMs": 60000})["ErrorCode"] == 0:
                    break
                time.sleep(0.05)

    @staticmethod
    def _produce(connection, data):
        """Kafka's broker leads a new partition a moment behind its metadata."""
        for _ in range(200):
            answer = connection.call(PRODUCE, 9, {"TransactionalId": None, "Acks": -1, "TimeoutMs": 30000, "TopicData": [data]})
            if answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"] == 0:
                return
            time.sleep(0.05)
        raise SystemExit(f"nothing can be produced: {answer}")

    def _commit_first(self, connection):
        """The first commit waits until Kafka has made its topic of offsets."""
        body = {"GroupId": self.tag + "empty", "GenerationIdOrMemberEpoch": -1, "Topics": [
            {"Name": self.topic, "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]}
        for _ in range(200):
            connection.call(COORDINATOR, 2, {"Key": self.tag + "empty", "KeyType": 0})
            if connection.call(COMMIT, 7, body)["Topics"][0]["Partitions"][0]["ErrorCode"] == 0:
                return
            time.sleep(0.1)
        raise SystemExit("no offset can be committed")

    def ask(self, name, key, body, versions=None, mine=False):
        """`body`: a dictionary, bytes, a function of the version (and the topics' ids), or a pair, one for each side. `mine`: lists are
        compared without what others than this run have made. Returns the last two answers, None for one that did not come."""
        answers = None
        if self.only is not None and not re.search(self.only, name):
            # Ones that later cases need are asked all the same.
            if "session, begun" not in name and "member, " not in name:
                return None
        for version in versions if versions is not None else self.versions.get(key, ()):
            if key not in self.versions or (version not in self.versions[key] and version < 90):
                continue
            answers = [self._one(side, key, version, body[side] if isinstance(body, tuple) else body) for side in (0, 1)]
            self.asked += 1
            kafka, ours = (flat(copy.deepcopy(answer), self.tag, mine) for answer in answers)
            if self.tamper is not None:
                ours = self.tamper(ours)
            for path in sorted(set(kafka) | set(ours)):
                if kafka.get(path, "(absent)") != ours.get(path, "(absent)"):
                    self.differences.append((name, version, path, kafka.get(path, "(absent)"), ours.get(path, "(absent)")))
        return None if answers is None else [one if isinstance(one, dict) else None for one in answers]

    def _one(self, side, key, version, body):
        if callable(body):
            arguments = body.__code__.co_argcount - len(body.__defaults__ or ())
            body = body(version, self.ids[side]) if arguments == 2 else body(version)
        connection = self.connections[side]
        if isinstance(body, dict):
            body = prune(self.schemas.requests[key], version, body)
        try:
            return connection.call(key, version, body)
        except Closed:
            self.connections[side] = Connection(self.addresses[side], self.schemas)
            return "(closed)"
        except TimeoutError:
            self.connections[side] = Connection(self.addresses[side], self.schemas)
            return "(no answer)"


def prune(schema, version, body):
    """Without the fields that this version does not have."""
    def of(fields, message):
        kept = {}
        for field in fields:
            if field["name"] not in message:
                continue
            value = message[field["name"]]
            inner = field.get("fields") or next((one["fields"] for one in schema.get("commonStructs", [])
                                                 if one["name"] == field["type"].removeprefix("[]")), None)
            if inner and value is not None:
                value = [of(inner, one) for one in value] if isinstance(value, list) else of(inner, value)
            kept[field["name"]] = value
        return kept
    return of(schema["fields"], body)


def is_of(tag, element):
    return any(str(element.get(key, "")).startswith(tag) for key in ("GroupId", "Topic", "ResourceName"))


def flat(answer, tag, mine=False):
    """Path -> value, with what each side makes up replaced by whether it is there."""
    out = {}

    def walk(path, name, value):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{path}.{key}" if path else key, key, inner)
        elif isinstance(value, list):
            if mine and name in ("Groups", "ReplicaElectionResults", "ConfigResources"):
                value = [one for one in value if is_of(tag, one)]
            out[f"{path}.size"] = len(value)
            if value and isinstance(value[0], dict):
                seen = {}
                for one in value:
                    label = ",".join(str(one[key]).replace(tag, "") for key in NAMES if key in one and key != "ErrorCode") or "#"
                    seen[label] = seen.get(label, 0) + 1
                    walk(f"{path}[{label}]" if seen[label] == 1 else f"{path}[{label}#{seen[label]}]", name, one)
            else:
                out[path] = str(value).replace(tag, "")
        elif name in OWN:
            out[path] = "(none)" if value in (None, "", -1, NO_ID) else "(own)"
        elif name in SENTENCES:
            out[path] = "(null)" if value is None else "(a sentence)" if value else ""
        elif isinstance(value, bytes):
            out[path] = value.hex()
        else:
            out[path] = value.replace(tag, "") if isinstance(value, str) else value
    if not isinstance(answer, dict):
        return {"answer": answer}
    walk("", "", answer)
    return out


def meant():
    """(case, path, reason, line) of each line `case | path | reason`; both are regular expressions for the whole."""
    lines = (pathlib.Path(__file__).parent / "differential_meant.txt").read_text().splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            case, path, reason = (part.strip() for part in line.split(" | "))
            found.append((re.compile(case), re.compile(path), reason, number))
    return found


def control(d):
    """One field of each answer is changed: it must be found."""
    before = len(d.differences)
    d.tamper = lambda answer: answer | {"ErrorCode": 42}
    only, d.only = d.only, None
    d.ask("negative control", API_VERSIONS, {"ClientSoftwareName": "d", "ClientSoftwareVersion": "1"}, versions=(3,))
    d.tamper, d.only = None, only
    found = any(path == "ErrorCode" for _, _, path, _, _ in d.differences[before:])
    del d.differences[before:]
    return found


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    jar = next(pathlib.Path(sys.argv[1]).glob("kafka-clients-*.jar"))
    d = Differential(Schemas(jar), sys.argv[2:4], only)
    d.prepare()
    for cases in differential_groups.ALL:
        cases(d)
    if not control(d):
        raise SystemExit("negative control: a changed answer was not noticed")
    allowed = meant()
    used, left = set(), {}
    for name, version, path, kafka, ours in d.differences:
        reason = next((one for one in allowed if one[0].fullmatch(name) and one[1].fullmatch(path)), None)
        if reason is not None:
            used.add(reason[3])
        if reason is None or "--all" in sys.argv:
            left.setdefault((name, path, str(kafka), str(ours), reason[2] if reason else None), []).append(version)
    bad = 0
    for (name, path, kafka, ours, reason), versions in left.items():
        bad += reason is None
        print(f"{'meant' if reason else 'DIFFERS'}: {name} v{','.join(map(str, versions))}: {path}: Kafka {kafka[:300]}, ours {ours[:300]}")
    if only is None:
        for _, _, reason, number in allowed:
            if number not in used:
                bad += 1
                print(f"differential_meant.txt:{number}: not seen any more: {reason}")
    print(f"{d.asked} requests to each, {len(d.differences)} fields differ, {bad} of them without a reason")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
