// kafkajs against a broker: node kafkajs.mjs BOOTSTRAP

import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import { check, done, equal, fails, until } from './checks.mjs'

const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = kafkajs
CompressionCodecs[CompressionTypes.Snappy] = snappy
const kafka = new Kafka({ clientId: 'suite', brokers: [process.argv[2]], logLevel: logLevel.NOTHING })

const admin = kafka.admin()
await admin.connect()
check('a topic is made', await admin.createTopics({ topics: [{ topic: 'made', numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '60000' }] }] }))
check('and not made twice', !(await admin.createTopics({ topics: [{ topic: 'made' }] })))
check('it is listed', (await admin.listTopics()).includes('made'))
await admin.createPartitions({ topicPartitions: [{ topic: 'made', count: 3 }] })
const metadata = await admin.fetchTopicMetadata({ topics: ['made'] })
equal('it has grown', metadata.topics[0].partitions.length, 3)
const configs = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'made', configNames: ['retention.ms'] }] })
equal('its config is told', configs.resources[0].configEntries[0].configValue, '60000')
await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'made', configEntries: [{ name: 'retention.ms', value: '70000' }] }] })
const altered = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'made', configNames: ['retention.ms'] }] })
equal('and altered', altered.resources[0].configEntries[0].configValue, '70000')
equal('the cluster has one broker', (await admin.describeCluster()).brokers.length, 1)
await fails('a topic that is not there has no offsets', admin.fetchTopicOffsets('missing'), /topic/i)

// Of an hour ago: older than their retention they would be deleted.
const begin = Date.now() - 3_600_000
const records = (codec) => Array.from({ length: 50 }, (_, i) => ({
  key: `key ${i % 7}`,
  value: `${codec} ${i}`,
  partition: 0,
  timestamp: String(begin + i),
  headers: { number: String(i), twice: ['a', 'b'] }
}))

async function readAll (topic, groupId, count) {
  const consumer = kafka.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const got = []
  await consumer.run({
    eachMessage: async ({ message }) => {
      got.push({
        key: message.key?.toString() ?? null,
        value: message.value?.toString() ?? null,
        timestamp: message.timestamp,
        offset: message.offset,
        headers: Object.fromEntries(Object.entries(message.headers).map(([k, v]) => [k, Array.isArray(v) ? v.map(String) : String(v)]))
      })
    }
  })
  await until(`all of ${topic} come`, () => got.length >= count)
  await consumer.disconnect()
  return got
}

for (const [name, compression] of [['none', CompressionTypes.None], ['gzip', CompressionTypes.GZIP], ['snappy', CompressionTypes.Snappy]]) {
  const topic = `codec-${name}`
  await admin.createTopics({ topics: [{ topic }] })
  const producer = kafka.producer()
  await producer.connect()
  const sent = records(name)
  const told = await producer.send({ topic, compression, acks: -1, messages: sent })
  equal(`${name}: the offset is told`, told[0].baseOffset, '0')
  await producer.disconnect()
  const got = await readAll(topic, `group-${name}`, sent.length)
  equal(`${name}: what came is what was sent`, got, sent.map((one, i) => ({ key: one.key, value: one.value, timestamp: one.timestamp, offset: String(i), headers: one.headers })))
}

// Idempotent, and a record of several megabytes.
await admin.createTopics({ topics: [{ topic: 'large', configEntries: [{ name: 'max.message.bytes', value: '10000000' }] }] })
const idempotent = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
await idempotent.connect()
const large = 'x'.repeat(5_000_000)
for (let i = 0; i < 3; i++) await idempotent.send({ topic: 'large', messages: [{ value: large + i }] })
await idempotent.send({ topic: 'large', messages: [{ key: 'gone', value: null }] })
await fails('a record over max.message.bytes is refused', idempotent.send({ topic: 'made', messages: [{ value: large, partition: 0 }] }), /large/i)
await idempotent.disconnect()
const back = await readAll('large', 'group-large', 4)
equal('large records come whole', back.map((one) => one.value?.length ?? -1), [5_000_001, 5_000_001, 5_000_001, -1])

// Two members share four partitions; one leaves, and the other has them all.
await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 4 }] })
const members = []
for (const name of ['a', 'b']) {
  const consumer = kafka.consumer({ groupId: 'pair', sessionTimeout: 6000, heartbeatInterval: 100, rebalanceTimeout: 6000 })
  const member = { name, consumer, partitions: [], got: [] }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { member.partitions = payload.memberAssignment.shared ?? [] })
  await consumer.connect()
  await consumer.subscribe({ topics: ['shared'], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => { member.got.push(message.value.toString()) } })
  members.push(member)
}
await until('each has two partitions', () => members.every((one) => one.partitions.length === 2))
const producer = kafka.producer()
await producer.connect()
const wanted = []
const send = async (round) => {
  for (let partition = 0; partition < 4; partition++) {
    wanted.push(`${round} ${partition}`)
    await producer.send({ topic: 'shared', messages: [{ value: `${round} ${partition}`, partition }] })
  }
}
await send(1)
const all = () => members.flatMap((one) => one.got).sort()
await until('both read', () => all().length === wanted.length)
await members[1].consumer.disconnect()
await until('who stays has them all', () => members[0].partitions.length === 4)
await send(2)
await until('and reads on', () => all().length === wanted.length)
equal('each record came once', all(), wanted.sort())
equal('the group is stable', (await admin.describeGroups(['pair'])).groups[0].state, 'Stable')
await members[0].consumer.disconnect()
const offsets = await admin.fetchOffsets({ groupId: 'pair', topics: ['shared'] })
equal('offsets are committed', offsets[0].partitions.map((one) => one.offset), ['2', '2', '2', '2'])
await admin.resetOffsets({ groupId: 'pair', topic: 'shared', earliest: true })
const reset = await admin.fetchOffsets({ groupId: 'pair', topics: ['shared'], resolveOffsets: true })
equal('and reset', reset[0].partitions.map((one) => one.offset), ['0', '0', '0', '0'])
check('groups are listed', (await admin.listGroups()).groups.some((one) => one.groupId === 'pair'))
await admin.deleteGroups(['pair'])
check('and deleted', !(await admin.listGroups()).groups.some((one) => one.groupId === 'pair'))
const at = await admin.fetchTopicOffsetsByTimestamp('codec-none', begin + 10)
equal('an offset by time', at[0].offset, '10')
await admin.deleteTopicRecords({ topic: 'shared', partitions: [{ partition: 0, offset: '1' }] })
equal('records are deleted', (await admin.fetchTopicOffsets('shared')).find((one) => one.partition === 0).low, '1')
await admin.deleteTopics({ topics: ['made'] })
check('a topic is deleted', !(await admin.listTopics()).includes('made'))
await producer.disconnect()
await admin.disconnect()

// Negative control: what was never sent is missed.
check('negative control', JSON.stringify(all()) !== JSON.stringify([...wanted, 'never sent'].sort()))
done('kafkajs')
