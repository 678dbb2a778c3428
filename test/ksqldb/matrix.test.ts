/** Changes of models on a real server: afterwards, what the plan said is there. */
import { cpSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { ROOT } from '../e2e/run-ccs.ts'
import { ksqldbTest } from '../fixtures/ksqldb.ts'
import { type KsqldbProject, withKsqldbProject } from '../fixtures/ksqldb-project.ts'

const [PEOPLE, GOLD, SESSIONS] = [
  'sql/silver/people.sql',
  'sql/gold/activity_1m.sql',
  'sql/gold/sessions.sql',
]

/** Expects this plan, deploys it, and expects that nothing is left to do. */
async function changes(project: KsqldbProject, steps: readonly string[]): Promise<void> {
  expect(await project.steps()).toEqual(steps)
  await project.settle()
}

async function columnsOf(project: KsqldbProject, source: string) {
  return (await project.client.describe(project.named(source)))?.fields ?? []
}

ksqldbTest(
  'changes of columns, types and keys, and the end of a model, happen as planned',
  (servers) =>
    withKsqldbProject(servers, 'ccs_mat_', async (project) => {
      await project.settle()
      const query = await project.queryOf('silver_people')
      const declared = (await project.sources()).find((one) => /activity_1m_./.test(one)) ?? ''
      project.edit(PEOPLE, (text) => text.replace('SELECT *', 'SELECT *, length(page) AS extra'))
      // The stream that Gold reads is declared over the topic of silver.people: ALTER … ADD COLUMN.
      await changes(project, ['change silver.people', 'change gold.activity_1m'])
      expect(await project.queryOf('silver_people')).toBe(query)
      const altered = await project.client.describe(declared)
      expect(altered?.fields.at(-1)).toMatchObject({ name: 'extra' })
      expect(altered?.hasQuery).toBe(false)

      project.edit(PEOPLE, (text) => text.replace('length(page)', 'page'))
      await changes(project, ['replace silver.people', 'replace gold.activity_1m'])
      expect(await columnsOf(project, 'silver_people')).toEqual([])
      expect((await columnsOf(project, 'silver_people_v2')).at(-1)).toMatchObject({
        name: 'extra',
        type: 'STRING',
      })

      project.edit(GOLD, (text) =>
        text
          .replace('key: [window_start]', 'key: [window_start, device]')
          .replace('AS window_start,', 'AS window_start,\n  device,')
          .replace(/(GROUP BY .*)/, '$1, device'),
      )
      await changes(project, ['replace gold.activity_1m'])
      const keys = (await columnsOf(project, 'gold_activity_1m_v3')).filter((one) => one.isKey)
      expect(keys.map((one) => one.name)).toEqual(['_key_device'])

      cpSync(path.join(ROOT, SESSIONS), path.join(project.dir, SESSIONS))
      await changes(project, ['add gold.sessions'])
      expect(await project.client.describe(project.named('gold_sessions'))).toMatchObject({
        windowType: 'SESSION',
      })
      project.edit(SESSIONS, (text) =>
        text
          .replace('session: 30 minutes', 'session: 20 minutes')
          .replace('INTERVAL 30', 'INTERVAL 20'),
      )
      await changes(project, ['replace gold.sessions'])
      expect(await project.sources()).not.toContain(project.named('gold_sessions'))

      project.drop(SESSIONS)
      const kept = await project.ccs(['deploy', '--yes'])
      expect({ code: kept.code, stderr: kept.stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--allow-destructive'),
      })
      expect(await project.sources()).toContain(project.named('gold_sessions_v2'))
      await changes(project, ['remove gold.sessions'])
      expect((await project.sources()).filter((one) => one.includes('sessions'))).toEqual([])
      expect((await project.left()).filter((one) => one.includes('sessions'))).toEqual([])
      expect(await project.sources()).toContain(project.named('gold_activity_1m_v3'))
    }),
  900_000,
)
