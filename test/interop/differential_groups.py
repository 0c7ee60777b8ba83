"""What test/interop/differential.py asks of both brokers about groups, configs and the cluster."""

from differential_cases import *


def groups(d):
    d.ask("find coordinator", COORDINATOR, {"Key": d.tag + "g", "KeyType": 0}, versions=range(0, 4))
    d.ask("find coordinators", COORDINATOR, {"CoordinatorKeys": [d.tag + "g", d.tag + "h"], "KeyType": 0}, versions=range(4, 7))
    d.ask("find coordinator, empty key", COORDINATOR, {"Key": "", "KeyType": 0}, versions=range(0, 4))
    d.ask("find coordinators, empty key", COORDINATOR, {"CoordinatorKeys": [""], "KeyType": 0}, versions=range(4, 7))
    d.ask("find coordinator, unknown type", COORDINATOR, {"Key": "g", "KeyType": 9}, versions=range(1, 4))
    d.ask("find coordinators, unknown type", COORDINATOR, {"CoordinatorKeys": ["g"], "KeyType": 9}, versions=range(4, 7))

    def join(group=None, member="", timeout=10000, protocols=("range",), kind="consumer", instance=None):
        def of_version(version):
            asked = {"GroupId": d.tag + f"join{version}" if group is None else group, "SessionTimeoutMs": timeout, "MemberId": member,
                     "ProtocolType": kind, "Protocols": [{"Name": name, "Metadata": b"\0\0"} for name in protocols]}
            if version >= 1:
                asked["RebalanceTimeoutMs"] = 10000
            if version >= 5:
                asked["GroupInstanceId"] = instance
            return asked
        return of_version
    d.ask("join, first", JOIN, join())
    d.ask("join, no group", JOIN, join(group=""))
    d.ask("join, a session too short", JOIN, join(group=d.tag + "short", timeout=1))
    d.ask("join, a session too long", JOIN, join(group=d.tag + "long", timeout=100_000_000))
    d.ask("join, unknown member", JOIN, join(group=d.tag + "strange", member="a-stranger"))
    d.ask("join, no protocols", JOIN, join(group=d.tag + "mute", protocols=()))
    d.ask("join, no type", JOIN, join(group=d.tag + "typeless", kind=""))

    def member(**more):
        return lambda version: {"GroupId": d.tag + "none", "GenerationId": 1, "MemberId": "m"} | more
    for what, asked in {"unknown group": {}, "no group": {"GroupId": ""}, "empty group": {"GroupId": d.tag + "empty"}}.items():
        d.ask(f"heartbeat, {what}", HEARTBEAT, member(**asked))
        d.ask(f"sync, {what}", SYNC, member(**asked), versions=range(0, 5))
        d.ask(f"sync, {what}, v5", SYNC, member(**asked, ProtocolType="consumer", ProtocolName="range"), versions=(5,))
        group = asked.get("GroupId", d.tag + "none")
        d.ask(f"leave, {what}", LEAVE, {"GroupId": group, "MemberId": "m"}, versions=range(0, 3))
        d.ask(f"leave, {what}, batched", LEAVE, {"GroupId": group, "Members": [{"MemberId": "m"}, {"MemberId": "n"}]}, versions=range(3, 6))
        d.ask(f"leave, {what}, nobody", LEAVE, {"GroupId": group, "Members": []}, versions=range(3, 6))
        d.ask(f"describe group, {what}", DESCRIBE_GROUPS, {"Groups": [group]})
        d.ask(f"describe consumer group, {what}", DESCRIBE_848, {"GroupIds": [group]})
        d.ask(f"offsets, {what}", OFFSETS, {"GroupId": group, "Topics": [{"Name": d.topic, "PartitionIndexes": [0, 9]}]}, versions=range(1, 8))
        d.ask(f"offsets, {what}, all", OFFSETS, {"GroupId": group, "Topics": None}, versions=range(2, 8))
        by = {"TopicId": NO_ID}
        d.ask(f"offsets, {what}, batched", OFFSETS,
              lambda version, ids: {"Groups": [{"GroupId": group, "Topics": [
                  {"PartitionIndexes": [0, 9]} | ({"TopicId": ids[d.topic]} if version >= 10 else {"Name": d.topic})]}]}, versions=range(8, 11))
        d.ask(f"offsets, {what}, batched, all", OFFSETS, {"Groups": [{"GroupId": group, "Topics": None}]}, versions=range(8, 11))
        d.ask(f"delete offsets, {what}", OFFSET_DELETE,
              {"GroupId": group, "Topics": [{"Name": d.topic, "Partitions": [{"PartitionIndex": 1}]},
                                            {"Name": d.tag + "never", "Partitions": [{"PartitionIndex": 0}]}]})
    d.ask("offsets, a member that is none", OFFSETS,
          {"Groups": [{"GroupId": d.tag + "empty", "MemberId": "m", "MemberEpoch": 3, "Topics": None}]}, versions=(9, 10))

    def commit(group, generation=-1, who="", note="n", topic=None, partition=0, offset=5, instance=None):
        def of_version(version, ids):
            name = topic or d.topic
            one = {"PartitionIndex": partition, "CommittedOffset": offset, "CommittedMetadata": note}
            named = {"TopicId": ids.get(name, STRANGE_ID)} if version >= 10 else {"Name": name}
            asked = {"GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": who, "Topics": [named | {"Partitions": [one]}]}
            return asked | ({"GroupInstanceId": instance} if version >= 7 else {})
        return of_version
    d.ask("commit", COMMIT, commit(d.tag + "empty"))
    d.ask("commit, unknown topic", COMMIT, commit(d.tag + "empty", topic=d.tag + "never"))
    d.ask("commit, unknown partition", COMMIT, commit(d.tag + "empty", partition=50))
    d.ask("commit, negative offset", COMMIT, commit(d.tag + "empty", offset=-4))
    d.ask("commit, long note", COMMIT, commit(d.tag + "empty", note="n" * 5000))
    d.ask("commit, null note", COMMIT, commit(d.tag + "empty", note=None))
    d.ask("commit, no group", COMMIT, commit(""))
    d.ask("commit, unknown member", COMMIT, commit(d.tag + "empty", 1, "m"))
    d.ask("commit, unknown group with a generation", COMMIT, commit(d.tag + "none", 3, "m"))
    d.ask("commit, unknown instance", COMMIT, commit(d.tag + "empty", 1, "m", instance="i"), versions=range(7, 11))
    d.ask("offsets that were committed", OFFSETS, {"GroupId": d.tag + "empty", "Topics": None}, versions=range(2, 8))
    d.ask("describe groups, two", DESCRIBE_GROUPS, {"Groups": [d.tag + "empty", d.tag + "none"]})
    d.ask("describe groups, operations", DESCRIBE_GROUPS, {"Groups": [d.tag + "empty"], "IncludeAuthorizedOperations": True}, versions=range(3, 7))
    d.ask("list groups", LIST_GROUPS, {}, mine=True)
    d.ask("list groups, of a state", LIST_GROUPS, {"StatesFilter": ["Stable"]}, versions=(4, 5), mine=True)
    d.ask("list groups, of an unknown state", LIST_GROUPS, {"StatesFilter": ["Wild"]}, versions=(4, 5))
    d.ask("list groups, of a type", LIST_GROUPS, {"TypesFilter": ["classic"]}, versions=(5,), mine=True)
    d.ask("list groups, of an unknown type", LIST_GROUPS, {"TypesFilter": ["wild"]}, versions=(5,))
    d.ask("delete groups, unknown", DELETE_GROUPS, {"GroupsNames": [d.tag + "none", ""]})

    membership(d)


def membership(d):
    """One member from its start to its end; each side has given it another name."""
    for version in range(4, 10):
        group = d.tag + f"life{version}"
        protocols = [{"Name": "range", "Metadata": b"\0\1"}, {"Name": "sticky", "Metadata": b"\0\2"}]
        hello = {"GroupId": group, "SessionTimeoutMs": 10000, "RebalanceTimeoutMs": 10000, "ProtocolType": "consumer", "Protocols": protocols}
        told = d.ask("member, required", JOIN, hello, versions=(version,))
        if told is None or any(one is None for one in told):
            continue
        ids = [one["MemberId"] for one in told]

        def both(body):
            return tuple(body | {"MemberId": one} for one in ids)
        d.ask("member, joins", JOIN, both(hello), versions=(version,))
        d.ask("member, other protocols", JOIN, hello | {"Protocols": [{"Name": "wild", "Metadata": b""}]}, versions=(version,))
        d.ask("member, another type", JOIN, hello | {"ProtocolType": "connect"}, versions=(version,))
        sync = {"GroupId": group, "GenerationId": 1}
        named = {"ProtocolType": "consumer", "ProtocolName": "range"}
        assignments = tuple({"Assignments": [{"MemberId": one, "Assignment": b"\0\0\0\0\0\0\0\0"}]} for one in ids)
        at = min(version, 5)
        d.ask("member, syncs with a wrong generation", SYNC, both(sync | {"GenerationId": 9} | (named if at == 5 else {})), versions=(at,))
        if at == 5:
            d.ask("member, syncs with another protocol", SYNC, both(sync | named | {"ProtocolName": "sticky"}), versions=(5,))
            d.ask("member, syncs with another type", SYNC, both(sync | named | {"ProtocolType": "connect"}), versions=(5,))
        d.ask("member, beats too early", HEARTBEAT, both(sync), versions=(at - 1,))
        d.ask("member, syncs", SYNC, tuple(body | more for body, more in zip(both(sync | (named if at == 5 else {})), assignments)), versions=(at,))
        for beat in range(0, 5):
            d.ask("member, beats", HEARTBEAT, both(sync), versions=(beat,))
            d.ask("member, beats with a wrong generation", HEARTBEAT, both(sync | {"GenerationId": 7}), versions=(beat,))
            d.ask("member, beats for another", HEARTBEAT, sync | {"MemberId": "a-stranger"}, versions=(beat,))
        d.ask("member, as one of an unknown instance", HEARTBEAT, both(sync | {"GroupInstanceId": "i"}), versions=(3, 4))
        d.ask("stable group", DESCRIBE_GROUPS, {"Groups": [group]})
        d.ask("stable group, described as a consumer group", DESCRIBE_848, {"GroupIds": [group]})
        d.ask("stable group, deleted", DELETE_GROUPS, {"GroupsNames": [group]})
        d.ask("stable group, an offset deleted", OFFSET_DELETE,
              {"GroupId": group, "Topics": [{"Name": d.topic, "Partitions": [{"PartitionIndex": 0}]}]})
        commit = {"GroupId": group, "Topics": [{"Name": d.topic, "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 3}]}]}
        for what, generation in {"": 1, " with a wrong generation": 5}.items():
            d.ask(f"member, commits{what}", COMMIT, both(commit | {"GenerationIdOrMemberEpoch": generation}), versions=(version - 1,))
        d.ask("stable group, committed from outside", COMMIT, commit | {"GenerationIdOrMemberEpoch": -1}, versions=(version - 1,))
        d.ask("member, of the consumer protocol", HEARTBEAT_848,
              {"GroupId": group, "MemberId": "AAAAAAAAAAAAAAAAAAAAAA", "MemberEpoch": 3}, versions=(0, 1))
        if version < 7:
            leave = tuple({"GroupId": group, "Members": [{"MemberId": one}, {"MemberId": "a-stranger"}]} for one in ids)
            d.ask("member, leaves", LEAVE, leave, versions=(version - 1,))
        else:
            leave = tuple({"GroupId": group, "Members": [{"MemberId": one}]} for one in ids)
            d.ask("member, leaves alone", LEAVE, leave, versions=(min(version - 2, 5),))
        d.ask("group without members", DESCRIBE_GROUPS, {"Groups": [group]})
        d.ask("group without members, deleted", DELETE_GROUPS, {"GroupsNames": [group]}, versions=(1,))


def consumer_protocol(d):
    def beat(group, member="", epoch=0, **more):
        return {"GroupId": group, "MemberId": member, "MemberEpoch": epoch, "RebalanceTimeoutMs": 10000,
                "SubscribedTopicNames": [d.topic], "TopicPartitions": []} | more
    name = "AAAAAAAAAAAAAAAAAAAAA"
    d.ask("848, no group", HEARTBEAT_848, beat("", name + "Q"))
    d.ask("848, no member", HEARTBEAT_848, beat(d.tag + "848x"), versions=(1,))
    d.ask("848, unknown group", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", 5))
    d.ask("848, leaves an unknown group", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", -1))
    d.ask("848, a bad epoch", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", -7))
    d.ask("848, an unknown assignor", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", ServerAssignor="wild"))
    d.ask("848, no subscription", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", SubscribedTopicNames=None))
    d.ask("848, no timeout", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", RebalanceTimeoutMs=-1))
    d.ask("848, partitions at the start", HEARTBEAT_848,
          lambda _, ids: beat(d.tag + "848x", name + "Q", TopicPartitions=[{"TopicId": ids[d.topic], "Partitions": [0]}]))
    d.ask("848, an empty instance", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", InstanceId=""))
    d.ask("848, an instance leaves for a while without one", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", -2))
    d.ask("848, a bad expression", HEARTBEAT_848, beat(d.tag + "848x", name + "Q", SubscribedTopicRegex="["), versions=(1,))
    for version in (0, 1):
        group = d.tag + f"848-{version}"
        one, two = name + "Q", name + "g"
        joined = d.ask("848, joins", HEARTBEAT_848, beat(group, one), versions=(version,))
        if joined is None or any(answer is None for answer in joined):
            continue
        # Which numbers the epochs are is the broker's own.
        epochs = [answer["MemberEpoch"] for answer in joined]

        def both(body, add=0, field="MemberEpoch", epochs=epochs):
            def of(epoch):
                return lambda v, ids: (body(v, ids) if callable(body) else body) | {field: epoch + add}
            return tuple(of(epoch) for epoch in epochs)

        def owning(*partitions):
            return lambda _, ids: {"GroupId": group, "MemberId": one, "TopicPartitions": [
                {"TopicId": ids[d.topic], "Partitions": list(partitions)}]}
        silent = {"GroupId": group, "MemberId": one}
        d.ask("848, joins again", HEARTBEAT_848, beat(group, one), versions=(version,))
        d.ask("848, beats", HEARTBEAT_848, both(owning(0, 1)), versions=(version,))
        d.ask("848, beats without a word", HEARTBEAT_848, both(silent), versions=(version,))
        d.ask("848, beats with a newer epoch", HEARTBEAT_848, both(silent, 8), versions=(version,))
        d.ask("848, a stranger beats", HEARTBEAT_848, both({"GroupId": group, "MemberId": two}), versions=(version,))
        d.ask("848, described", DESCRIBE_848, {"GroupIds": [group]})
        d.ask("848, described as a classic group", DESCRIBE_GROUPS, {"Groups": [group]})
        d.ask("848, deleted", DELETE_GROUPS, {"GroupsNames": [group]})
        for what, add in (("its epoch", 0), ("an older epoch", -1), ("a newer epoch", 5)):
            d.ask(f"848, commits at {what}", COMMIT, both(silent | {"Topics": [
                {"Name": d.topic, "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 3}]}]}, add, "GenerationIdOrMemberEpoch"),
                  versions=(7, 8, 9))
            asked = tuple({"Groups": [{"GroupId": group, "MemberId": one, "MemberEpoch": epoch + add, "Topics": None}]} for epoch in epochs)
            d.ask(f"848, offsets at {what}", OFFSETS, asked, versions=(9,))
        d.ask("848, a classic heartbeat", HEARTBEAT, {"GroupId": group, "MemberId": one, "GenerationId": 1})
        d.ask("848, another joins", HEARTBEAT_848, beat(group, two, ServerAssignor="range"), versions=(version,))
        d.ask("848, gives up", HEARTBEAT_848, both(silent), versions=(version,))
        d.ask("848, gave up", HEARTBEAT_848, both(owning(0)), versions=(version,))
        d.ask("848, two, described", DESCRIBE_848, {"GroupIds": [group]})
        d.ask("848, leaves", HEARTBEAT_848, {"GroupId": group, "MemberId": one, "MemberEpoch": -1}, versions=(version,))
        d.ask("848, another leaves", HEARTBEAT_848, {"GroupId": group, "MemberId": two, "MemberEpoch": -1}, versions=(version,))
        d.ask("848, empty, described", DESCRIBE_848, {"GroupIds": [group]})
        d.ask("848, empty, deleted", DELETE_GROUPS, {"GroupsNames": [group]}, versions=(2,))


def configs(d):
    def describe(kind, name, keys=None, **more):
        return {"Resources": [{"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": keys}]} | more
    some = ["cleanup.policy", "retention.ms", "max.message.bytes", "segment.bytes", "compression.type", "message.timestamp.type",
            "min.insync.replicas", "retention.bytes", "flush.messages", "unclean.leader.election.enable", "index.interval.bytes"]
    d.ask("describe configs", DESCRIBE_CONFIGS, describe(2, d.small, some))
    d.ask("describe configs, all", DESCRIBE_CONFIGS, describe(2, d.small))
    d.ask("describe configs, synonyms", DESCRIBE_CONFIGS, describe(2, d.small, ["retention.ms", "max.message.bytes"], IncludeSynonyms=True))
    d.ask("describe configs, documentation", DESCRIBE_CONFIGS,
          describe(2, d.small, ["retention.ms"], IncludeDocumentation=True), versions=(3, 4))
    d.ask("describe configs, unknown topic", DESCRIBE_CONFIGS, describe(2, d.tag + "never"))
    d.ask("describe configs, bad name", DESCRIBE_CONFIGS, describe(2, "bad name!"))
    d.ask("describe configs, no name", DESCRIBE_CONFIGS, describe(2, ""))
    d.ask("describe configs, unknown key", DESCRIBE_CONFIGS, describe(2, d.small, ["no.such.config"]))
    d.ask("describe configs, unknown kind", DESCRIBE_CONFIGS, describe(99, "x"))
    d.ask("describe configs, another broker", DESCRIBE_CONFIGS, describe(4, "77"))
    d.ask("describe configs, a broker that is no number", DESCRIBE_CONFIGS, describe(4, "x"))
    d.ask("describe configs, the broker", DESCRIBE_CONFIGS, describe(4, "1", ["log.retention.ms", "message.max.bytes", "log.segment.bytes"]))
    d.ask("describe configs, all brokers", DESCRIBE_CONFIGS, describe(4, "", ["log.retention.ms"]))

    def alter(name, value, operation=0, kind=2, topic=None, validate=False):
        return {"Resources": [{"ResourceType": kind, "ResourceName": d.small if topic is None else topic, "Configs": [
            {"Name": name, "ConfigOperation": operation, "Value": value}]}], "ValidateOnly": validate}
    for what, body in {
        "set": alter("retention.ms", "77"),
        "set, validate only": alter("retention.ms", "78", validate=True),
        "set, no value": alter("retention.ms", None),
        "set, no number": alter("retention.ms", "soon"),
        "set, out of range": alter("segment.bytes", "1"),
        "unknown name": alter("no.such.config", "1"),
        "empty name": alter("", "1"),
        "unknown operation": alter("retention.ms", "1", 9),
        "append to a list": alter("cleanup.policy", "compact", 2),
        "subtract from a list": alter("cleanup.policy", "compact", 3),
        "append to what is none": alter("retention.ms", "5", 2),
        "delete": alter("retention.ms", None, 1),
        "delete what is not set": alter("segment.ms", None, 1),
        "unknown topic": alter("retention.ms", "5", topic=d.tag + "never"),
        "bad topic": alter("retention.ms", "5", topic="bad name!"),
        "no topic": alter("retention.ms", "5", topic=""),
        "unknown kind": alter("retention.ms", "5", kind=99),
        "another broker": alter("log.retention.ms", "5", kind=4, topic="77"),
        "a broker's read-only": alter("broker.id", "5", kind=4, topic="1"),
        "a broker's unknown": alter("no.such.config", "5", kind=4, topic="1"),
        "a broker's bad value": alter("log.retention.ms", "soon", kind=4, topic="1"),
    }.items():
        d.ask(f"incremental alter configs, {what}", INCREMENTAL, body)
    twice = alter("retention.ms", "5")
    twice["Resources"][0]["Configs"] *= 2
    d.ask("incremental alter configs, a name twice", INCREMENTAL, twice)
    both = alter("retention.ms", "5")
    both["Resources"] *= 2
    d.ask("incremental alter configs, a topic twice", INCREMENTAL, both)
    d.ask("describe configs, altered", DESCRIBE_CONFIGS, describe(2, d.small, some))
    for what, name, value, topic in (("", "retention.ms", "99", d.other), (", no number", "retention.ms", "soon", d.other),
                                     (", unknown name", "no.such", "1", d.other), (", unknown topic", "retention.ms", "1", d.tag + "never"),
                                     (", no value", "retention.ms", None, d.other)):
        d.ask(f"alter configs{what}", ALTER_CONFIGS, {"Resources": [
            {"ResourceType": 2, "ResourceName": topic, "Configs": [{"Name": name, "Value": value}]}]})
    d.ask("describe configs, replaced", DESCRIBE_CONFIGS, describe(2, d.other, some))
    d.ask("config resources", RESOURCES, {}, versions=(0,))
    d.ask("config resources, topics", RESOURCES, {"ResourceTypes": [2]}, versions=(1,), mine=True)
    d.ask("config resources, brokers", RESOURCES, {"ResourceTypes": [4]}, versions=(1,))
    d.ask("config resources, unknown kind", RESOURCES, {"ResourceTypes": [99]}, versions=(1,))


def cluster(d):
    d.ask("cluster", CLUSTER, {})
    d.ask("cluster, operations", CLUSTER, {"IncludeClusterAuthorizedOperations": True})
    d.ask("cluster, controllers", CLUSTER, {"EndpointType": 2}, versions=(1, 2))
    d.ask("cluster, unknown endpoints", CLUSTER, {"EndpointType": 9}, versions=(1, 2))
    d.ask("log directories", LOG_DIRS, {"Topics": [{"Topic": d.read, "Partitions": [0, 9]}]})
    d.ask("log directories, unknown topic", LOG_DIRS, {"Topics": [{"Topic": d.tag + "never", "Partitions": [0]}]})
    d.ask("log directories, no topics", LOG_DIRS, {"Topics": []})

    def elect(topic, partition, kind=0):
        return lambda version: {"TopicPartitions": [{"Topic": topic, "Partitions": [partition]}], "TimeoutMs": 10000} | (
            {"ElectionType": kind} if version >= 1 else {})
    d.ask("elect leaders", ELECT, elect(d.topic, 0))
    d.ask("elect leaders, unclean", ELECT, elect(d.topic, 0, 1))
    d.ask("elect leaders, unknown kind", ELECT, elect(d.topic, 0, 7), versions=(1, 2))
    d.ask("elect leaders, unknown topic", ELECT, elect(d.tag + "never", 0))
    d.ask("elect leaders, unknown partition", ELECT, elect(d.topic, 9))
    d.ask("elect leaders, all", ELECT, {"TopicPartitions": None, "TimeoutMs": 10000}, mine=True)
    d.ask("reassignments", REASSIGNMENTS, {"Topics": None})
    d.ask("reassignments, of a topic", REASSIGNMENTS, {"Topics": [{"Name": d.topic, "PartitionIndexes": [0]}]})
    d.ask("reassignments, unknown topic", REASSIGNMENTS, {"Topics": [{"Name": d.tag + "never", "PartitionIndexes": [0]}]})
    plain = {"TransactionalId": None, "TransactionTimeoutMs": 60000}
    d.ask("producer id", PRODUCER_ID, plain)
    d.ask("producer id, of an empty transaction", PRODUCER_ID, plain | {"TransactionalId": ""})
    d.ask("producer id, a negative timeout", PRODUCER_ID, plain | {"TransactionTimeoutMs": -1})
    d.ask("producer id, with an epoch alone", PRODUCER_ID, plain | {"ProducerEpoch": 3}, versions=range(3, 6))
    d.ask("producer id, with an id alone", PRODUCER_ID, plain | {"ProducerId": 3}, versions=range(3, 6))
    d.ask("producer id, again", PRODUCER_ID, plain | {"ProducerId": 1234, "ProducerEpoch": 3}, versions=range(3, 6))


def versions(d):
    """Versions that the broker does not serve, and bodies that are none."""
    for key in d.keys:
        d.ask(f"key {key} at version 98", key, b"", versions=(98,))
    d.ask("a body cut off", METADATA, b"\0\0", versions=(1, 12))
    d.ask("a body with more behind it", METADATA, b"\0\0\0\0" + b"more", versions=(1,))


ALL = (api_versions, topics, produce, fetch, sessions, groups, consumer_protocol, configs, cluster, versions)
