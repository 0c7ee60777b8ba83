// What franz-go does with a broker: franz BOOTSTRAP
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var passed int

func check(what string, holds bool, seen ...any) {
	if !holds {
		fmt.Println("failed:", what, fmt.Sprint(seen...))
		os.Exit(1)
	}
	passed++
}

func fine(what string, err error) { check(what, err == nil, err) }

func client(options ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{kgo.SeedBrokers(os.Args[1]), kgo.ProducerBatchMaxBytes(9_000_000), kgo.FetchMaxWait(200 * time.Millisecond)}, options...)
	made, err := kgo.NewClient(all...)
	fine("a client", err)
	return made
}

// How many different values there are: a group reads again what a member had not committed when it lost it.
func different(records []*kgo.Record) int {
	seen := map[string]bool{}
	for _, one := range records {
		seen[fmt.Sprint(one.Partition, one.Offset)] = true
	}
	return len(seen)
}

// Until there are count records in all; whoever of the clients polls.
func read(ctx context.Context, clients []*kgo.Client, count int, got *[]*kgo.Record) {
	end := time.Now().Add(time.Minute)
	for different(*got) < count {
		check("records come within a minute", time.Now().Before(end), different(*got), " of ", count)
		for _, one := range clients {
			turn, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			fetches := one.PollFetches(turn)
			cancel()
			fetches.EachError(func(_ string, _ int32, err error) {
				check("no error", errors.Is(err, context.DeadlineExceeded), err)
			})
			*got = append(*got, fetches.Records()...)
			one.AllowRebalance()
		}
	}
}

func group(ctx context.Context, admin *kadm.Client, name string, options ...kgo.Opt) {
	topic := "go-shared-" + name
	_, err := admin.CreateTopic(ctx, 4, 1, nil, topic)
	fine("a topic", err)
	held := []int{0, 0}
	member := func(i int) *kgo.Client {
		count := func(by int) func(context.Context, *kgo.Client, map[string][]int32) {
			return func(_ context.Context, _ *kgo.Client, of map[string][]int32) { held[i] += by * len(of[topic]) }
		}
		return client(append([]kgo.Opt{kgo.ConsumerGroup("go-" + name), kgo.ConsumeTopics(topic), kgo.BlockRebalanceOnPoll(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(100 * time.Millisecond),
			kgo.AutoCommitInterval(100 * time.Millisecond), kgo.AutoCommitMarks(),
			kgo.OnPartitionsAssigned(count(1)), kgo.OnPartitionsRevoked(count(-1)), kgo.OnPartitionsLost(count(-1))}, options...)...)
	}
	members := []*kgo.Client{member(0), member(1)}
	var got []*kgo.Record
	settle := func(wanted ...int) {
		end := time.Now().Add(time.Minute)
		for fmt.Sprint(held[:len(wanted)]) != fmt.Sprint(wanted) {
			check(name+": partitions are shared within a minute", time.Now().Before(end), held)
			for _, one := range members {
				turn, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				fetches := one.PollFetches(turn)
				cancel()
				got = append(got, fetches.Records()...)
				one.MarkCommitRecords(fetches.Records()...)
				one.AllowRebalance()
			}
		}
		passed++
	}
	producer := client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	send := func(round int) {
		for partition := int32(0); partition < 4; partition++ {
			value := fmt.Sprint(round, " ", partition)
			fine("sent", producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr())
		}
	}
	settle(2, 2)
	send(1)
	read(ctx, members, 4, &got)
	for _, one := range members {
		one.MarkCommitRecords(got...)
	}
	fine("committed", members[1].CommitMarkedOffsets(ctx))
	members[1].CloseAllowingRebalance()
	members = members[:1]
	settle(4)
	send(2)
	read(ctx, members, 8, &got)
	seen := map[string]int{}
	for _, one := range got {
		seen[string(one.Value)]++
	}
	check(name+": nothing is missing", len(seen) == 8, seen)
	check(name+": negative control", len(seen) != 9)
	groups, err := admin.ListGroups(ctx)
	fine("groups are listed", err)
	check(name+": the group is listed", groups["go-"+name].Group != "", groups)
	members[0].CloseAllowingRebalance()
	producer.Close()
	_, err = admin.DeleteGroup(ctx, "go-"+name)
	fine(name+": the group is deleted", err)
}

func main() {
	ctx := context.Background()
	admin := kadm.NewClient(client())
	value := "60000"
	_, err := admin.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &value}, "go-made")
	fine("a topic is made", err)
	_, err = admin.CreateTopic(ctx, 2, 1, nil, "go-made")
	check("and not made twice", errors.Is(err, kerr.TopicAlreadyExists), err)
	_, err = admin.CreatePartitions(ctx, 1, "go-made")
	fine("it grows", err)
	topics, err := admin.ListTopics(ctx, "go-made")
	fine("it is listed", err)
	check("with three partitions", len(topics["go-made"].Partitions) == 3)
	configs, err := admin.DescribeTopicConfigs(ctx, "go-made")
	fine("its configs are told", err)
	for _, one := range configs[0].Configs {
		if one.Key == "retention.ms" {
			check("as they were set", one.MaybeValue() == value, one.MaybeValue())
		}
	}

	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	// Of an hour ago: older than their retention they would be deleted.
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for name, codec := range codecs {
		topic := "go-" + name
		_, err := admin.CreateTopic(ctx, 1, 1, nil, topic)
		fine("a topic", err)
		producer := client(kgo.ProducerBatchCompression(codec)) // idempotent, unless told otherwise
		var sent []*kgo.Record
		for i := 0; i < 100; i++ {
			sent = append(sent, &kgo.Record{Topic: topic, Key: []byte(fmt.Sprint(i % 7)), Value: bytes.Repeat([]byte(fmt.Sprint(name, i)), 5),
				Timestamp: begin.Add(time.Duration(i) * time.Millisecond), Headers: []kgo.RecordHeader{{Key: "n", Value: []byte(fmt.Sprint(i))}, {Key: "n", Value: nil}}})
		}
		fine(name+": all are taken", producer.ProduceSync(ctx, sent...).FirstErr())
		producer.Close()
		consumer := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		var got []*kgo.Record
		read(ctx, []*kgo.Client{consumer}, len(sent), &got)
		consumer.Close()
		for i, one := range got {
			check(name+": what came is what was sent", one.Offset == int64(i) && bytes.Equal(one.Key, sent[i].Key) && bytes.Equal(one.Value, sent[i].Value) &&
				one.Timestamp.Equal(sent[i].Timestamp) && len(one.Headers) == 2 && bytes.Equal(one.Headers[0].Value, sent[i].Headers[0].Value), one)
		}
		at, err := admin.ListOffsetsAfterMilli(ctx, begin.UnixMilli()+10, topic)
		fine("an offset by time", err)
		offset, _ := at.Lookup(topic, 0)
		check(name+": the offset of a time", offset.Offset == 10, offset)
	}

	large := "10000000"
	_, err = admin.CreateTopic(ctx, 1, 1, map[string]*string{"max.message.bytes": &large}, "go-large")
	fine("a topic", err)
	producer := client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	big := bytes.Repeat([]byte("x"), 5_000_000)
	fine("a large record", producer.ProduceSync(ctx, &kgo.Record{Topic: "go-large", Value: big}, &kgo.Record{Topic: "go-large", Value: big}).FirstErr())
	err = producer.ProduceSync(ctx, &kgo.Record{Topic: "go-made", Value: big}).FirstErr()
	check("a record over max.message.bytes is refused", errors.Is(err, kerr.MessageTooLarge), err)
	producer.Close()
	consumer := client(kgo.ConsumeTopics("go-large"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var got []*kgo.Record
	read(ctx, []*kgo.Client{consumer}, 2, &got)
	check("large records come whole", bytes.Equal(got[0].Value, big) && bytes.Equal(got[1].Value, big))
	consumer.Close()

	group(ctx, admin, "range", kgo.Balancers(kgo.RangeBalancer()))
	group(ctx, admin, "cooperative", kgo.Balancers(kgo.CooperativeStickyBalancer()))

	_, err = admin.DeleteTopic(ctx, "go-made")
	fine("a topic is deleted", err)
	_, err = admin.DeleteTopic(ctx, "go-made")
	check("and not twice", errors.Is(err, kerr.UnknownTopicOrPartition), err)
	fmt.Println("franz-go:", passed, "checks passed")
}
