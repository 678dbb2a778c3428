/**
 * Checks a target's Flink: versions, jars, slots, memory, and whether jobs and their state outlive
 * a process or a machine.
 */
import type { Target } from '../../../domain/config/target.ts'
import type { Check } from '../../../domain/doctor/doctor.ts'
import type { EngineChecks } from '../../../domain/doctor/examine-target.ts'
import { least } from '../../../domain/kernel/lists.ts'
import { formatBytes, formatDuration } from '../../../domain/kernel/units.ts'
import { TRANSACTION_MS } from '../compile/ddl.ts'
import type { FlinkGateway } from './gateway.ts'
import { type FlinkQuestion, type FlinkState, inspectFlink } from './inspect-cluster.ts'
import type { FlinkJobManager } from './job-manager.ts'
import {
  AVAILABILITY,
  CHECKPOINTS,
  findSetting,
  isTooOld,
  SAVEPOINTS,
  VERSION_MIN,
} from './needs.ts'

/** Heap of one slot, below which the project's models run out of memory. */
const SLOT_BYTES_MIN = 256 * 1024 ** 2
const CONFIG = 'In the config.yaml of JobManager and TaskManagers:'

/** All checks of a Flink that answers. */
export function checkFlink(found: FlinkState, target: Pick<Target, 'name'>): readonly Check[] {
  return [
    versionCheck(found),
    jobManagerCheck(found),
    jarsCheck(found),
    ...trialChecks(found),
    ...(found.faults.timezone === undefined ? [] : [timezoneCheck(found.faults.timezone)]),
    slotsCheck(found, target),
    ...(found.taskManagers.length === 0 ? [] : [memoryCheck(found)]),
    availabilityCheck(found, target),
    storageCheck('checkpoints', findSetting(found.settings, CHECKPOINTS)),
    storageCheck('savepoints', findSetting(found.settings, SAVEPOINTS)),
    ...restartChecks(found),
  ]
}

function versionCheck({ gateway }: FlinkState): Check {
  const name = 'sql gateway'
  const detail = `Flink ${gateway.version} at ${gateway.url}`
  if (gateway.version.startsWith(`${VERSION_MIN}.`))
    return { name, status: 'ok', detail: `${detail}.` }
  return isTooOld(gateway.version)
    ? {
        name,
        status: 'failed',
        detail: `${detail}: ccs needs ${VERSION_MIN} or later.`,
        hint: `Replace gateway, JobManager and TaskManagers by Flink ${VERSION_MIN}.`,
      }
    : {
        name,
        status: 'warning',
        detail: `${detail}: the models were tested on ${VERSION_MIN}.`,
        hint: 'Compare the rows before you rely on them: docs/flink.md',
      }
}

function jobManagerCheck({ gateway, overview, jobManagerUrl }: FlinkState): Check {
  const name = 'jobmanager'
  const { version, taskManagers } = overview
  const detail = `Flink ${version} at ${jobManagerUrl}, ${countThem(taskManagers, 'TaskManager')}`
  if (version === gateway.version) return { name, status: 'ok', detail: `${detail}.` }
  return {
    name,
    status: 'failed',
    detail: `${detail}, but the gateway has ${gateway.version}: its jobs can't run there.`,
    hint: 'Give both the same version.',
  }
}

const JARS = {
  connector: ['the Kafka connector', 'flink-sql-connector-kafka-5.0.0-2.2.jar'],
  format: ['the Avro format', 'flink-sql-avro-confluent-registry-2.3.0.jar'],
  functions: ["ccs's functions", 'ccs-functions.jar (stack/flink/functions)'],
} as const

function jarsCheck({ faults }: FlinkState): Check {
  const name = 'jars'
  const needs = ['connector', 'format', 'functions'] as const
  const missing = needs.filter(
    (one) => faults[one] !== undefined && !(one === 'format' && faults.connector !== undefined),
  )
  if (missing.length === 0)
    return { name, status: 'ok', detail: 'Kafka connector, Avro and functions at the gateway.' }
  const parts = missing.map((one) => `${JARS[one][0]} (${faults[one]})`)
  return {
    name,
    status: 'failed',
    detail: `The gateway can't use ${parts.join(', ')}.`,
    hint:
      `Copy ${missing.map((one) => JARS[one][1]).join(', ')} into the lib folder of gateway, ` +
      'JobManager and TaskManagers, in place of older ones, then restart them.',
  }
}

/** The gateway plans with its own jars; only a job shows those of the others. */
function trialChecks({ trial }: FlinkState): readonly Check[] {
  const name = 'trial job'
  if ('skipped' in trial)
    return [{ name, status: 'warning', detail: `None was run: ${trial.skipped}.` }]
  if ('tookMs' in trial)
    return [
      {
        name,
        status: 'ok',
        detail: `The cluster reached Kafka and had all classes (${formatDuration(trial.tookMs)}).`,
      },
    ]
  return [
    {
      name,
      status: 'failed',
      detail: `A job that reads no record failed: ${trial.fault}.`,
      hint:
        'Give JobManager and TaskManagers the jars of the gateway, and let them reach ' +
        'kafka.brokers of the target by the addresses in ccs.yml.',
    },
  ]
}

function timezoneCheck(fault: string): Check {
  return {
    name: 'time zone',
    status: 'failed',
    detail: `Flink does not know the project's time zone: ${fault}.`,
    hint: 'Update the time zones of its Java, or timezone in ccs.yml.',
  }
}

function slotsCheck({ overview, jobs }: FlinkState, { name: target }: Pick<Target, 'name'>): Check {
  const name = 'slots'
  const { slots, freeSlots, taskManagers } = overview
  const detail = `${freeSlots} of ${slots} free`
  if (taskManagers === 0)
    return {
      name,
      status: 'failed',
      detail: 'No TaskManager has signed on: jobs wait.',
      hint: 'Start one with the same jobmanager.rpc.address; here: ccs stack up flink',
    }
  if (freeSlots > 0) return { name, status: 'ok', detail: `${detail}.` }
  if (jobs.some(({ state }) => state === 'RUNNING'))
    return {
      name,
      status: 'warning',
      detail: `${detail}: a change that is built beside the running job has no room.`,
      hint: 'Add a TaskManager, or raise taskmanager.numberOfTaskSlots.',
    }
  return {
    name,
    status: 'failed',
    detail: `${detail}: a job of this target has no room.`,
    hint: `Add a TaskManager or end another job, then: ccs deploy --target ${target}`,
  }
}

function memoryCheck({ taskManagers }: FlinkState): Check {
  const name = 'slot memory'
  const perSlot = taskManagers.map(({ heapBytes, slots }) => heapBytes / Math.max(1, slots))
  const heap = least(perSlot)
  const managed = least(taskManagers.map((one) => one.managedBytes / Math.max(1, one.slots)))
  const detail = `${formatBytes(heap)} of heap and ${formatBytes(managed)} managed in a slot`
  if (heap >= SLOT_BYTES_MIN) return { name, status: 'ok', detail: `${detail}.` }
  return {
    name,
    status: 'warning',
    detail: `${detail}: the job of all models needs ${formatBytes(SLOT_BYTES_MIN)} of heap.`,
    hint: `${CONFIG} taskmanager.memory.task.heap.size`,
  }
}

function availabilityCheck(found: FlinkState, { name: target }: Pick<Target, 'name'>): Check {
  const name = 'availability'
  const type = findSetting(found.settings, AVAILABILITY) ?? 'NONE'
  const dir = found.settings['high-availability.storageDir']
  if (type.toUpperCase() === 'NONE')
    return {
      name,
      status: 'warning',
      detail: 'Without high availability, jobs are gone when the JobManager ends.',
      hint:
        `${CONFIG} high-availability.type: kubernetes (or zookeeper) and ` +
        `high-availability.storageDir. Without it, restart them by: ccs deploy --target ${target}`,
    }
  // A cluster on one machine has but one disk.
  if (dir?.startsWith('file:') && !isLoopback(found.jobManagerUrl))
    return {
      name,
      status: 'warning',
      detail: `${type}, but its jobs are in ${dir}, which ends with this disk.`,
      hint: `${CONFIG} high-availability.storageDir on storage that all machines reach.`,
    }
  return { name, status: 'ok', detail: `${type}, jobs in ${dir ?? 'its default folder'}.` }
}

function isLoopback(url: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(url).hostname)
}

function storageCheck(name: 'checkpoints' | 'savepoints', dir: string | undefined): Check {
  const [setting] = name === 'checkpoints' ? CHECKPOINTS : SAVEPOINTS
  if (dir === undefined)
    return {
      name,
      status: 'failed',
      detail:
        name === 'checkpoints'
          ? 'Checkpoints are in the memory of the JobManager, and end with it.'
          : 'There is no folder for savepoints: no change of a job can keep its state.',
      hint: `${CONFIG} ${setting}: s3://bucket/${name}`,
    }
  if (dir.startsWith('file:') || dir.startsWith('/'))
    return {
      name,
      status: 'warning',
      detail: `${dir}: it outlives the machine only if the disk is shared.`,
      hint: `For several machines: ${setting}: s3://bucket/${name}`,
    }
  return { name, status: 'ok', detail: `${dir}.` }
}

function restartChecks({ settings }: FlinkState): readonly Check[] {
  const type = settings['restart-strategy.type'] ?? settings['restart-strategy']
  if (type === undefined || !/^(none|off|disable)$/i.test(type)) return []
  return [
    {
      name: 'restarts',
      status: 'warning',
      detail: `restart-strategy.type is ${type}: ccs sets another for its own jobs.`,
    },
  ]
}

/** Kafka ends transactions that are open for longer, and refuses jobs that ask for more. */
export function checkTransactions(about: Readonly<Record<string, string>>): Check {
  const name = 'transactions'
  const maxMs = Number(about['transaction.max.timeout.ms'] ?? TRANSACTION_MS)
  const limit = formatDuration(maxMs)
  if (maxMs >= TRANSACTION_MS)
    return { name, status: 'ok', detail: `Kafka lets one be open for ${limit}.` }
  return {
    name,
    status: 'failed',
    detail:
      `Kafka lets one be open for ${limit}; the job asks for ${formatDuration(TRANSACTION_MS)} ` +
      'and would restart without end.',
    hint: `In the broker's server.properties: transaction.max.timeout.ms=${TRANSACTION_MS}`,
  }
}

function countThem(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Asks a Flink, and then its Kafka. */
export async function checkServers(
  gateway: FlinkGateway,
  manager: FlinkJobManager,
  question: FlinkQuestion,
  target: Pick<Target, 'name'>,
): Promise<EngineChecks> {
  const found = await inspectFlink(gateway, manager, question)
  return {
    checks: checkFlink(found, target),
    onKafka: {
      name: 'transactions',
      check: async (admin) => [checkTransactions(await admin.about())],
    },
  }
}
