/** Flink's servers of one stack are of one kind: with or without a JobManager, a ZooKeeper. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { chooseFlinkKind } from '../../cli/adapters/process/stack-flink.ts'
import {
  FLINK_GATEWAY_ONLY,
  FLINK_WITH_HA,
  type PartName,
  STACKS,
} from '../../cli/domain/devstack/servers.ts'

const CLUSTER = 'execution.target: remote\n'
const ALONE = 'execution.target: local\n'
const AVAILABLE = `${CLUSTER}high-availability.type: zookeeper\n`

/** Servers that run, with their settings. */
function choose(parts: readonly PartName[], running: Partial<Record<PartName, string>> = {}) {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-kind-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  for (const [part, settings] of Object.entries(running)) {
    mkdirSync(path.join(dir, part, 'conf'), { recursive: true })
    writeFileSync(path.join(dir, part, 'conf/config.yaml'), settings)
  }
  return chooseFlinkKind(parts, { dir, files: diskFiles(), isAlive: (part) => part in running })
}

test('what is started, and what runs already, decide the kind', async () => {
  const kinds = [FLINK_GATEWAY_ONLY, STACKS.flink, FLINK_WITH_HA]
  expect(await Promise.all(kinds.map((one) => choose(one)))).toEqual([
    { isGatewayAlone: true, hasZooKeeper: false },
    { isGatewayAlone: false, hasZooKeeper: false },
    { isGatewayAlone: false, hasZooKeeper: true },
  ])
  // A JobManager that ended is started again as it was.
  const rest = { zookeeper: '', 'flink-taskmanager': AVAILABLE, 'flink-gateway': AVAILABLE }
  expect(await choose(['flink-jobmanager'], rest)).toMatchObject({ hasZooKeeper: true })
})

test.each([
  [
    'A SQL Gateway already runs that was started without a JobManager.',
    'End it first: ccs stack down flink',
    STACKS.flink,
    { 'flink-gateway': ALONE },
  ],
  [
    'flink-taskmanager already runs without high availability.',
    'End it first: ccs stack down flink',
    FLINK_WITH_HA,
    { 'flink-taskmanager': CLUSTER },
  ],
  [
    'flink-gateway already runs with high availability.',
    'Start the others by: ccs stack up flink --ha',
    STACKS.flink,
    { 'flink-gateway': AVAILABLE },
  ],
] as const)('%s', async (message, hint, parts, running) => {
  await expect(choose(parts, running)).rejects.toMatchObject({
    code: 'CCS_STACK_FAILED',
    message,
    hint,
  })
})
