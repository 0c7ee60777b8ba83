// What sarama does with a broker: sarama BOOTSTRAP
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"
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

func config() *sarama.Config {
	made := sarama.NewConfig()
	made.Version = sarama.V3_6_0_0
	made.Producer.Return.Successes = true
	made.Producer.RequiredAcks = sarama.WaitForAll
	made.Producer.MaxMessageBytes = 9_000_000
	made.Producer.Partitioner = sarama.NewManualPartitioner
	made.Consumer.Offsets.Initial = sarama.OffsetOldest
	made.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond
	made.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	made.Consumer.MaxWaitTime = 100 * time.Millisecond
	return made
}

// A member of a group, that notes what it holds and what it gets.
type member struct {
	mutex sync.Mutex
	held  int
	got   *sync.Map
	group sarama.ConsumerGroup
	end   context.CancelFunc
	done  chan struct{}
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.held = 0
	for _, partitions := range session.Claims() {
		m.held += len(partitions)
	}
	return nil
}
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.got.Store(string(message.Value), true)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}
func (m *member) holds() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.held
}
func join(topic string, got *sync.Map) *member {
	group, err := sarama.NewConsumerGroup([]string{os.Args[1]}, "sarama-pair", config())
	fine("a member", err)
	ctx, end := context.WithCancel(context.Background())
	made := &member{got: got, group: group, end: end, done: make(chan struct{})}
	go func() {
		defer close(made.done)
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{topic}, made); err != nil {
				return
			}
		}
	}()
	return made
}
func (m *member) leave() {
	m.end()
	<-m.done
	fine("it leaves", m.group.Close())
}
func until(what string, holds func() bool) {
	end := time.Now().Add(time.Minute)
	for !holds() {
		check(what+" within a minute", time.Now().Before(end))
		time.Sleep(5 * time.Millisecond)
	}
	passed++
}

func main() {
	brokers := []string{os.Args[1]}
	admin, err := sarama.NewClusterAdmin(brokers, config())
	fine("an admin client", err)
	value := "60000"
	fine("a topic is made", admin.CreateTopic("sarama-made", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &value}}, false))
	check("and not made twice", errors.Is(admin.CreateTopic("sarama-made", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), sarama.ErrTopicAlreadyExists))
	fine("it grows", admin.CreatePartitions("sarama-made", 3, nil, false))
	topics, err := admin.ListTopics()
	fine("topics are listed", err)
	check("with three partitions", topics["sarama-made"].NumPartitions == 3, topics["sarama-made"])
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "sarama-made", ConfigNames: []string{"retention.ms"}})
	fine("configs are told", err)
	check("as they were set", len(entries) == 1 && entries[0].Value == value, entries)

	codecs := map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}
	// Of an hour ago: older than their retention they would be deleted.
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for name, codec := range codecs {
		topic := "sarama-" + name
		fine("a topic", admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false))
		settings := config()
		settings.Producer.Compression = codec
		settings.Producer.Idempotent = name == "lz4"
		if settings.Producer.Idempotent {
			settings.Net.MaxOpenRequests = 1
		}
		producer, err := sarama.NewSyncProducer(brokers, settings)
		fine("a producer", err)
		var sent []*sarama.ProducerMessage
		for i := 0; i < 100; i++ {
			sent = append(sent, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(fmt.Sprint(i % 7)), Value: sarama.StringEncoder(fmt.Sprint(name, " ", i)),
				Timestamp: begin.Add(time.Duration(i) * time.Millisecond), Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: []byte(fmt.Sprint(i))}}})
		}
		fine(name+": all are taken", producer.SendMessages(sent))
		fine("closed", producer.Close())
		consumer, err := sarama.NewConsumer(brokers, config())
		fine("a consumer", err)
		partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
		fine("a partition", err)
		for i := 0; i < len(sent); i++ {
			select {
			case one := <-partition.Messages():
				check(name+": what came is what was sent", one.Offset == int64(i) && string(one.Key) == fmt.Sprint(i%7) && string(one.Value) == fmt.Sprint(name, " ", i) &&
					one.Timestamp.Equal(begin.Add(time.Duration(i)*time.Millisecond)) && string(one.Headers[0].Value) == fmt.Sprint(i), one)
			case <-time.After(time.Minute):
				check(name+": records come within a minute", false)
			}
		}
		fine("closed", partition.Close())
		fine("closed", consumer.Close())
	}

	large := "10000000"
	fine("a topic", admin.CreateTopic("sarama-large", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"max.message.bytes": &large}}, false))
	producer, err := sarama.NewSyncProducer(brokers, config())
	fine("a producer", err)
	big := bytes.Repeat([]byte("x"), 5_000_000)
	_, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-large", Value: sarama.ByteEncoder(big)})
	fine("a large record", err)
	check("its offset is told", offset == 0)
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-made", Value: sarama.ByteEncoder(big)})
	check("a record over max.message.bytes is refused", errors.Is(err, sarama.ErrMessageSizeTooLarge), err)

	fine("a topic", admin.CreateTopic("sarama-shared", &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false))
	got := &sync.Map{}
	count := func() int {
		seen := 0
		got.Range(func(any, any) bool { seen++; return true })
		return seen
	}
	send := func(round int) {
		for i := int32(0); i < 4; i++ {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-shared", Partition: i, Value: sarama.StringEncoder(fmt.Sprint(round, " ", i))})
			fine("sent", err)
		}
	}
	a, b := join("sarama-shared", got), join("sarama-shared", got)
	until("each has two partitions", func() bool { return a.holds() == 2 && b.holds() == 2 })
	send(1)
	until("both read", func() bool { return count() == 4 })
	b.leave()
	until("who stays has them all", func() bool { return a.holds() == 4 })
	send(2)
	until("and reads on", func() bool { return count() == 8 })
	_, missed := got.Load("never sent")
	check("negative control", !missed)
	a.leave()
	offsets, err := admin.ListConsumerGroupOffsets("sarama-pair", map[string][]int32{"sarama-shared": {0, 1, 2, 3}})
	fine("offsets are told", err)
	check("and are committed", offsets.GetBlock("sarama-shared", 0).Offset == 2, offsets.GetBlock("sarama-shared", 0))
	groups, err := admin.ListConsumerGroups()
	fine("groups are listed", err)
	check("the group among them", groups["sarama-pair"] == "consumer", groups)
	fine("the group is deleted", admin.DeleteConsumerGroup("sarama-pair"))
	fine("records are deleted", admin.DeleteRecords("sarama-shared", map[int32]int64{0: 1}))
	fine("a topic is deleted", admin.DeleteTopic("sarama-made"))
	fine("closed", producer.Close())
	fine("closed", admin.Close())
	fmt.Println("sarama:", passed, "checks passed")
}
