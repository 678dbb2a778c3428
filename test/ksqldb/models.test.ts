/** Creates every model that ksqlDB can run on a real server. */
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { kafkaSettings } from '../fixtures/kafka-topics.ts'
import { ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { makeRelations, projectRelations } from '../fixtures/ksqldb-models.ts'

const PREFIX = 'ccs_mod_'

ksqldbTest(
  'the server accepts the statement of every stream and table of the models',
  async (servers) => {
    await sweep(servers, PREFIX)
    const kafka = await openKafka(kafkaSettings(servers.brokers), '.')
    try {
      const admin = await kafka.admin()
      await admin.createTopics({ topics: [{ topic: `${PREFIX}events.valid`, numPartitions: 1 }] })
      const client = openKsql({ url: servers.url })
      const making = { prefix: PREFIX, kafka }
      expect(await makeRelations(client, await projectRelations(), making)).toEqual([])
    } finally {
      await kafka.close()
      await sweep(servers, PREFIX)
    }
  },
  900_000,
)
