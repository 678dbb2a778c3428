/**
 * The scenarios of the recordings on a real server: what they expect still holds. With CCS_RECORD=1
 * (`npm run record:ksqldb`) the exchanged requests and answers become the recordings.
 */
import { writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { type Exchange, type Recording, recordingProxy } from '../fixtures/exchanges.ts'
import { ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { SCENARIOS, type Scenario } from '../fixtures/ksqldb-scenarios.ts'

for (const scenario of SCENARIOS)
  ksqldbTest(scenario.says, async (servers) => {
    const { url } = servers
    // Sweeping waits until the server has started.
    if (scenario.file !== 'starting') await sweep(servers, 'ccs_rec_')
    const proxy = await recordingProxy(url)
    try {
      await scenario.run(openKsql({ url: proxy.url }))
      expect(proxy.exchanges.length).toBeGreaterThan(0)
      const { version } = await openKsql({ url }).info()
      if (process.env.CCS_RECORD) record(scenario, version, proxy.exchanges)
    } finally {
      await proxy.close()
      await sweep(servers, 'ccs_rec_')
    }
  })

function record({ file, needs }: Scenario, version: string, exchanges: readonly Exchange[]): void {
  const seen = exchanges.map((one) => `${one.method} ${one.path} ${one.answer.chunks.join('')}`)
  if (needs && !needs.test(seen.join('\n'))) return
  const date = new Date().toISOString().slice(0, 10)
  const recording: Recording = { server: `ksqlDB ${version}`, date, exchanges }
  const path = `${import.meta.dirname}/../fixtures/ksqldb/${file}.json`
  writeFileSync(path, `${JSON.stringify(recording, null, 2)}\n`)
}
