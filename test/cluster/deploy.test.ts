/** Plan and deploy against a real broker and registry: from nothing, after others' hands, cut off, two at once. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { takeEngineLock } from '../../cli/adapters/lake/engine-lock.ts'
import { openStore } from '../../cli/app/store.ts'
import type { ConnectCluster } from '../../cli/domain/connectors/connect-cluster.ts'
import type { TargetServers } from '../../cli/domain/deploy/deploy-target.ts'
import { ROOT } from '../e2e/run-ccs.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { TARGET, withClusterProject } from '../fixtures/cluster-project.ts'

const CODE = /error\[(\w+)\]/

clusterTest(
  'from nothing to all that the project names, again without a step, and back to nothing',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      const planned = await project.ccs(['plan', '--json'])
      expect(planned.code, planned.stderr).toBe(3)
      const { steps } = JSON.parse(planned.stdout)
      expect(steps.every((one: { action: string }) => one.action === 'add')).toBe(true)
      expect(await project.left()).toEqual([])

      const deployed = await project.ccs(['deploy', '--json'])
      expect(deployed.code, deployed.stderr).toBe(0)
      expect(JSON.parse(deployed.stdout)).toMatchObject({ applied: true, serial: 1, pending: [] })
      const raw = project.named('events.raw')
      await project.with(async ({ topics, registry }) => {
        expect(await topics.topics([raw, project.named('gold.activity_1m')])).toMatchObject([
          {
            name: raw,
            partitions: 2,
            config: {
              'cleanup.policy': 'delete',
              'message.timestamp.type': 'LogAppendTime',
              'retention.ms': '604800000',
            },
          },
          { name: project.named('gold.activity_1m'), config: { 'cleanup.policy': 'compact' } },
        ])
        expect(await registry.versions(`${raw}-value`)).toHaveLength(2)
        expect(await registry.compatibility(`${raw}-value`)).toBe('BACKWARD_TRANSITIVE')
      })

      const again = await project.ccs(['plan'])
      expect(again.code, again.stdout).toBe(0)
      expect(again.stdout).toMatch(/^Nothing to do: \d+ resources are as deployed\.$/m)
      expect((await project.ccs(['diff'])).code).toBe(0)
      expect(await project.deploy()).toMatchObject({ applied: false, serial: 1 })

      const shy = await project.ccs(['destroy'])
      expect(shy.code).toBe(2)
      expect(shy.stdout).toContain(raw)
      const gone = await project.ccs(['destroy', '--allow-destructive', '--yes'])
      expect(gone.code, gone.stderr).toBe(0)
      expect(await project.left()).toEqual([])
      expect((await project.plan()).steps).toEqual(steps)
    }),
)

clusterTest('each change by hand is found, named and repaired', (cluster, prefix) =>
  withClusterProject(cluster, prefix, async (project) => {
    await project.deploy()
    const raw = project.named('events.raw')
    const gold = project.named('gold.activity_1m')
    const more = (text: string) => {
      const schema = JSON.parse(text)
      schema.fields.push({ name: 'by_others', type: 'int', default: 0 })
      return JSON.stringify(schema)
    }
    const hands: readonly {
      readonly change: (ports: TargetServers) => Promise<unknown>
      readonly step: object
    }[] = [
      {
        change: ({ topics }) => topics.configure(raw, { 'retention.ms': '60000' }),
        step: {
          name: raw,
          action: 'change',
          differences: [
            { key: 'retention.ms', deployed: '604800000', found: '60000', wanted: '604800000' },
          ],
        },
      },
      {
        change: ({ topics }) => topics.configure(gold, { 'segment.ms': '3600000' }),
        step: {
          name: gold,
          differences: [{ key: 'segment.ms', deployed: null, found: '3600000', wanted: null }],
        },
      },
      {
        change: ({ topics }) => topics.remove([gold]),
        step: { name: gold, action: 'add', kind: 'topic' },
      },
      {
        change: async ({ registry }) =>
          registry.register(`${gold}-value`, more(project.read('schemas/gold.activity_1m.avsc'))),
        step: {
          name: `${gold}-value`,
          category: 'breaking',
          differences: [{ key: 'version 2', deployed: null, found: 'registered', wanted: null }],
        },
      },
      {
        change: ({ registry }) => registry.setCompatibility(`${raw}-value`, 'NONE'),
        step: {
          name: `${raw}-value`,
          differences: [
            {
              key: 'compatibility',
              deployed: 'BACKWARD_TRANSITIVE',
              found: 'NONE',
              wanted: 'BACKWARD_TRANSITIVE',
            },
          ],
        },
      },
      {
        change: ({ registry }) => registry.remove(`${raw}-value`),
        step: { name: `${raw}-value`, action: 'add', kind: 'subject' },
      },
    ]
    for (const { change, step } of hands) {
      await project.with(change)
      const plan = await project.plan()
      expect(plan.steps).toMatchObject([{ ...step, drift: true }])
      expect(plan.drift).toBe(1)
      await project.deploy({ allowDestructive: true })
      expect((await project.plan()).steps).toEqual([])
    }
    // What Kafka can't take back is refused, and taken over on request.
    await project.with(({ topics }) => topics.addPartitions(raw, 4))
    const refused = await project.ccs(['deploy'])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(`ccs adopt topic ${raw} --target ${TARGET}`)
    expect((await project.ccs(['adopt', 'topic', raw])).code).toBe(0)
    expect((await project.plan()).steps).toEqual([])
  }),
)

/**
 * Two records, five topics, the level of four subjects, their seven schema versions (events.raw,
 * events.valid and events.dlq have two), all models at once.
 */
const OPERATIONS = 2 + 5 + 4 + 7 + 1
/** Connect applies a change after a moment. */
const LOOK = { timeout: 20_000 }
/** `npm run test:crash` takes them all. */
const IS_WHOLE = process.env.CCS_CRASH === 'all'
const STRIDE = IS_WHOLE ? 1 : 4

clusterTest(
  'a deploy that is killed after any of its operations is finished by the next one',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      const killedAfter = async (n: number) => {
        project.use(`${prefix}${n}.`)
        const fault = { NODE_ENV: 'test', CCS_FAULT: `deploy.step:${n}:kill` }
        return (await project.ccs(['deploy', '--yes'], fault)).code
      }
      for (let n = 1; n <= OPERATIONS; n += STRIDE) {
        expect(await killedAfter(n)).toBe(null)
        await project.deploy()
        const plan = await project.plan()
        expect(plan.steps, `killed after ${n}`).toEqual([])
        expect(plan.unfinished).toBe(false)
      }
      expect(await killedAfter(OPERATIONS + 1)).toBe(0)
    }),
  240_000,
)

clusterTest('of two at once one deploys, the other says so', (cluster, prefix) =>
  withClusterProject(cluster, prefix, async (project) => {
    const claim = await project.with(async ({ deployments }) => {
      const held = await deployments.claim('a colleague')
      const second = await project.ccs(['deploy'])
      expect(second.code).not.toBe(0)
      expect(second.stderr).toMatch(/CCS_DEPLOY_LOCKED.*a colleague/)
      expect((await project.left()).filter((name) => !name.endsWith('_ccs.manifest'))).toEqual([])
      await held.release()
      return held
    })
    expect(claim.epoch).toBe(1)
    const both = await Promise.all([project.ccs(['deploy']), project.ccs(['deploy'])])
    expect(both.some(({ code }) => code === 0)).toBe(true)
    for (const { code, stderr } of both)
      if (code !== 0)
        expect(['CCS_DEPLOY_LOCKED', 'CCS_PLAN_CHANGES', 'CCS_ENGINE_LOCKED']).toContain(
          CODE.exec(stderr)?.[1],
        )
    expect((await project.plan()).steps).toEqual([])
    expect(await project.deployment()).toMatchObject({ serial: 1, complete: true })
  }),
)

clusterTest(
  'a kept plan is applied, and refused once reality or the project moved',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      const file = `${project.dir}/plan.json`
      expect((await project.ccs(['plan', '--out', file])).code).toBe(3)
      const raw = project.named('events.raw')
      const mine = { name: raw, partitions: 1, replication: 1, config: {} }
      await project.with(({ topics }) => topics.create([mine]))
      const moved = await project.ccs(['deploy', file])
      expect(moved.code).toBe(3)
      expect(CODE.exec(moved.stderr)?.[1]).toBe('CCS_PLAN_CHANGES')
      expect(await project.left()).toEqual([raw])

      // What is there and not of ccs is refused, then taken over and brought to what the project says.
      const refused = await project.ccs(['deploy'])
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain(`ccs adopt topic ${raw} --target ${TARGET}`)
      const adopted = await project.ccs(['adopt', '--json'])
      expect(JSON.parse(adopted.stdout).adopted).toEqual([{ kind: 'topic', name: raw }])
      const plan = await project.ccs(['plan', '--out', file, '--json'])
      const step = JSON.parse(plan.stdout).steps.find((one: { name: string }) => one.name === raw)
      expect(step).toMatchObject({ action: 'change', drift: false })
      expect(step.differences.map((one: { key: string }) => one.key)).toEqual([
        'cleanup.policy',
        'max.message.bytes',
        'message.timestamp.type',
        'partitions',
        'retention.ms',
      ])
      const applied = await project.ccs(['deploy', file, '--yes', '--allow-destructive'])
      expect(applied.code, applied.stderr).toBe(0)
      expect((await project.plan()).steps).toEqual([])
      // It stays when the rest goes: it was there before.
      const destroyed = await project.ccs(['destroy', '--allow-destructive', '--yes', '--json'])
      expect(JSON.parse(destroyed.stdout).kept).toEqual([{ kind: 'topic', name: raw }])
      expect(await project.left()).toEqual([raw])
    }),
)

clusterTest(
  'a breaking schema is refused before anything is touched, and what was deployed can be returned to',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      await project.deploy()
      const file = 'schemas/events.raw.avsc'
      const before = project.read(file)
      project.edit(file, (text) =>
        text.replace('"fields": [', '"fields": [{ "name": "shoe_size", "type": "int" },'),
      )
      project.set('retention: 30 days')
      const broken = await project.ccs(['deploy'])
      expect(broken.code).toBe(5)
      expect(broken.stderr).toContain('shoe_size')

      project.write(file, before)
      expect(await project.deployment()).toMatchObject({ serial: 1 })
      project.edit('sql/gold/activity_1m.sql', (text) =>
        text.replace('AS cart_adds,', 'AS cart_adds,\n  count(*) + 0 AS again,'),
      )
      expect(await project.deploy()).toMatchObject({ serial: 2 })
      const back = await project.ccs(['rollback', '--yes', '--allow-destructive', '--json'])
      expect(back.code, back.stderr).toBe(0)
      expect(JSON.parse(back.stdout)).toMatchObject({
        applied: true,
        serial: 3,
        to: 1,
        differing: ['sql/gold/activity_1m.sql'],
      })
      const [now, first] = await project.with(async ({ deployments }) => {
        const [newest, , oldest] = await deployments.history()
        return [newest, oldest]
      })
      expect(now?.resources).toEqual(first?.resources)
      // The files were not touched: they are what the next deployment would bring.
      expect((await project.plan()).steps.map((one) => one.name)).toEqual([
        project.named('events.raw'),
        project.named('events.dlq'),
        project.named('events.valid'),
        project.named('ccs.replays'),
        'gold.activity_1m',
      ])
      expect(await project.deploy()).toMatchObject({ serial: 4 })
    }),
)

clusterTest(
  'beside a running engine a schema that only grows goes through, and changed models do not',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      await project.deploy()
      const engine = await takeEngineLock(await openStore(`${project.dir}/data`), 'ccs up')
      try {
        const file = 'schemas/events.raw.avsc'
        project.edit(file, (text) => {
          const schema = JSON.parse(text)
          schema.fields.push({ name: 'mood', type: ['null', 'string'], default: null })
          return JSON.stringify(schema)
        })
        project.write('schemas/history/events.raw/3.id900.avsc', project.read(file))
        const grown = await project.ccs(['deploy', '--json'])
        expect(grown.code, grown.stderr + grown.stdout).toBe(0)
        expect(JSON.parse(grown.stdout)).toMatchObject({ pending: ['events.raw-value'] })
        await project.with(async ({ registry }) =>
          expect(await registry.versions(`${project.named('events.raw')}-value`)).toHaveLength(3),
        )
        project.edit('sql/gold/activity_1m.sql', (text) =>
          text.replace('AS cart_adds,', 'AS cart_adds,\n  count(*) + 0 AS again,'),
        )
        project.set('retention: 30 days')
        const changed = await project.ccs(['deploy'])
        expect(CODE.exec(changed.stderr)?.[1]).toBe('CCS_ENGINE_LOCKED')
        expect(await project.deployment()).toMatchObject({ serial: 2, complete: true })
      } finally {
        await engine.release()
      }
      expect(await project.deploy()).toMatchObject({ serial: 3, pending: [] })
      expect((await project.plan()).steps).toEqual([])
    }),
)

clusterTest(
  'connectors are deployed with the rest, and changes made by others are found and undone',
  (cluster, prefix) =>
    withClusterProject(cluster, prefix, async (project) => {
      const lake = `${project.dir}/lake`
      Object.assign(process.env, {
        ICEBERG_CATALOG_URI: `jdbc:sqlite:${lake}.db?password=hunter2`,
        ICEBERG_WAREHOUSE: `file://${lake}`,
        ICEBERG_IO: 'org.apache.iceberg.hadoop.HadoopFileIO',
      })
      const sink = project.named('bronze-iceberg')
      const file = 'connectors/bronze-iceberg.json'
      project.write(file, readFileSync(path.join(ROOT, file), 'utf8'))
      const deployed = await project.ccs(['deploy', '--json'])
      expect(deployed.code, deployed.stderr).toBe(0)
      expect((await project.plan()).steps).toEqual([])
      const record = await project.deployment()
      expect(JSON.stringify(record)).not.toContain('hunter2')

      const hands: readonly {
        readonly change: (connect: ConnectCluster) => Promise<unknown>
        readonly step: object
      }[] = [
        { change: (connect) => connect.pause(sink), step: { reason: 'it was paused' } },
        {
          change: async (connect) => {
            const [now] = (await connect.connectors()).filter((one) => one.name === sink)
            await connect.put(sink, { ...now?.config, 'tasks.max': '2' })
          },
          step: {
            differences: [{ key: 'tasks.max', deployed: '1', found: '2', wanted: '1' }],
          },
        },
        {
          change: (connect) => connect.remove(sink),
          step: { action: 'add', reason: 'it was deleted by hand' },
        },
      ]
      for (const { change, step } of hands) {
        await project.with(async ({ connect }) => connect && change(connect))
        await expect
          .poll(async () => (await project.plan()).steps, LOOK)
          .toMatchObject([{ kind: 'connector', name: sink, drift: true, ...step }])
        await project.deploy()
        expect((await project.plan()).steps).toEqual([])
      }
      let kills = 0
      for (let n = IS_WHOLE ? 1 : 2; ; n++) {
        await project.with(async ({ connect }) => connect?.remove(sink))
        await expect.poll(async () => (await project.plan()).steps.length, LOOK).toBe(1)
        const fault = { NODE_ENV: 'test', CCS_FAULT: `deploy.step:${n}:kill` }
        const { code } = await project.ccs(['deploy', '--yes'], fault)
        if (code === 0) break
        expect(code).toBe(null)
        kills++
        await project.deploy()
        const plan = await project.plan()
        expect([plan.steps, plan.unfinished], `killed after ${n}`).toEqual([[], false])
      }
      expect(kills).toBeGreaterThan(IS_WHOLE ? 1 : 0)
      const shown = await project.ccs(['diff'])
      expect(shown.stdout + shown.stderr).not.toContain('hunter2')
      const gone = await project.ccs(['destroy', '--allow-destructive', '--yes'])
      expect(gone.code, gone.stderr).toBe(0)
      expect(await project.left()).toEqual([])
    }),
  { sink: true, timeoutMs: 240_000 },
)
