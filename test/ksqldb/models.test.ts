/** Every model that ksqlDB can run, made on a real one. */
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { kafkaSettings } from '../fixtures/kafka-topics.ts'
import { ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { makeRelations, projectRelations } from '../fixtures/ksqldb-models.ts'

const PREFIX = 'ccs_mod_'

ksqldbTest(
  'every stream and table that the models are printed as is taken by the server',
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
