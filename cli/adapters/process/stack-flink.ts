/**
 * Which kind of Flink `ccs stack` starts: a gateway alone, a cluster, or a cluster with high
 * availability. Servers of two kinds don't find one another.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { FLINK_PARTS, type PartName } from '../../domain/devstack/servers.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Files } from '../files/files.ts'

/** What the settings of Flink's servers depend on. */
export interface FlinkKind {
  /** The gateway runs jobs by itself, as there is no JobManager. */
  readonly isGatewayAlone: boolean
  /** A ZooKeeper keeps which jobs there are. */
  readonly hasZooKeeper: boolean
}

/** The servers that run already. */
export interface RunningServers {
  /** Folder of the stack. */
  readonly dir: string
  readonly files: Pick<Files, 'readFile'>
  readonly isAlive: (part: PartName) => boolean
}

/** Throws CCS_STACK_FAILED if servers of another kind run. */
export async function chooseFlinkKind(
  parts: readonly PartName[],
  running: RunningServers,
): Promise<FlinkKind> {
  const { isAlive } = running
  const isWanted = (part: PartName) => parts.includes(part) || isAlive(part)
  const kind = {
    isGatewayAlone: !isWanted('flink-jobmanager'),
    hasZooKeeper: isWanted('zookeeper'),
  }
  for (const part of FLINK_PARTS.filter(isAlive)) {
    const settings = await readSettings(part, running)
    // A gateway that runs jobs by itself does not know a JobManager that starts later.
    if (/^execution\.target: local$/m.test(settings) && parts.includes('flink-jobmanager'))
      throw anotherKind('A SQL Gateway already runs that was started without a JobManager.')
    const isAvailable = /^high-availability\.type: /m.test(settings)
    if (isAvailable && !kind.hasZooKeeper)
      throw anotherKind(`${part} already runs with high availability.`, 'ccs stack up flink --ha')
    if (!isAvailable && kind.hasZooKeeper)
      throw anotherKind(`${part} already runs without high availability.`)
  }
  return kind
}

async function readSettings(part: PartName, { dir, files }: RunningServers): Promise<string> {
  const file = path.join(dir, part, 'conf/config.yaml')
  return existsSync(file) ? (await files.readFile(file)).toString('utf8') : ''
}

function anotherKind(message: string, command?: string): CcsError {
  return new CcsError('CCS_STACK_FAILED', message, {
    hint: command ? `Start the others by: ${command}` : 'End it first: ccs stack down flink',
  })
}
