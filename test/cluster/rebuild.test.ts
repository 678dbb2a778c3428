/**
 * Changes models of a Kafka target that has events: rows are rebuilt from Silver or from the log.
 */
import { expect } from 'vitest'
import { clusterTest } from '../fixtures/cluster.ts'
import { withClusterProject } from '../fixtures/cluster-project.ts'

const FAULTS = ['--late', '5%', '--duplicates', '5%', '--disorder', '10%', '--invalid', '2%']
const DAY = ['--from', '2026-01-01', '--to', '2026-01-02']

clusterTest(
  'rebuilds from Silver and from Kafka give the same rows',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      const ccs = async (...args: readonly string[]) => {
        const ran = await project.ccs(args)
        expect(ran.code, `${args.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(0)
        return ran.stdout
      }
      const json = async (...args: readonly string[]) => JSON.parse(await ccs(...args, '--json'))
      const gen = (seed: string, count: string) =>
        ccs('gen', ...DAY, '--seed', seed, '--count', count, ...FAULTS)
      const minutes = 'SELECT window_start, events, revenue FROM gold.activity_1m ORDER BY ALL'
      const rows = async (sql = minutes) => (await json('query', sql)).rows
      const counts = async () => (await json('status')).counts

      await ccs('deploy', '--yes')
      await gen('1', '5000')
      await ccs('run', '--once')
      await ccs('audit')
      const before = await counts()
      const gold = await rows()
      expect(gold.length).toBeGreaterThan(100)

      const model = 'sql/gold/activity_1m.sql'
      const text = project.read(model)
      project.edit(model, (sql) =>
        sql.replace('AS cart_adds,', 'AS cart_adds,\n  count(*) + 1 AS more,'),
      )
      expect(await json('deploy', '--yes')).toMatchObject({ applied: true })
      expect(await rows()).toEqual(gold)
      const sum = 'SELECT sum(more - events) = count(*) AS ok FROM gold.activity_1m'
      expect(await rows(sum)).toEqual([{ ok: true }])

      project.write(model, text)
      expect(await json('deploy', '--yes', '--rebuild')).toMatchObject({ applied: true })
      expect(await rows()).toEqual(gold)
      expect(await counts()).toEqual(before)
      await ccs('audit')

      await gen('2', '1000')
      await ccs('run', '--once')
      await ccs('audit')
      expect((await counts()).records).toBe(6_000)
      expect((await json('plan')).steps).toEqual([])
    }),
  300_000,
)
