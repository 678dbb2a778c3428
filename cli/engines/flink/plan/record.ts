/**
 * The part of the deployment record that names ccs's job on Flink: the one in force, with its
 * compiled plan, and those that an unfinished deployment may have started. Other jobs and topics
 * are not ccs's.
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'

/** A model that a job writes into a topic. */
export interface RecordedSink {
  readonly model: string
  /** With prefix and version. */
  readonly topic: string
  /** See SinkModel. */
  readonly fingerprint: string
}

/** A job, started or not. */
export interface JobVersion {
  /** 1, 2, …: each has topics of its own. */
  readonly version: number
  /** Its name in Flink: of jobs that compute other rows, another one. */
  readonly name: string
  readonly sinks: readonly RecordedSink[]
  /** What COMPILE PLAN gave, with the ids that name its state. */
  readonly plan: string
}

/** The job in force. */
export interface DeployedJob extends JobVersion {
  /** Flink's id, 32 hexadecimal digits. */
  readonly id: string
  /** Where its state was saved when a deployment stopped it; absent: nobody stopped it. */
  readonly savepoint?: string
}

/** ccs's jobs on one Flink. */
export interface FlinkRecord {
  readonly deployed: DeployedJob | undefined
  /**
   * Jobs that an unfinished deployment may have started, with topics that it may have created. One
   * with the version of the job in force takes its place.
   */
  readonly inProgress: readonly JobVersion[]
}

const FORMAT = 1

/** The record as JSON; plans are compressed. */
export function printRecord({ deployed, inProgress }: FlinkRecord): string {
  const pack = <T extends JobVersion>(one: T) => ({
    ...one,
    plan: gzipSync(one.plan, { level: 9 }).toString('base64'),
  })
  return JSON.stringify({
    format: FORMAT,
    ...(deployed ? { deployed: pack(deployed) } : {}),
    inProgress: inProgress.map(pack),
  })
}

/** Reads a record; undefined gives an empty one. CCS_MANIFEST_INVALID if it can't be read. */
export function readRecord(text: string | undefined): FlinkRecord {
  if (text === undefined) return { deployed: undefined, inProgress: [] }
  try {
    const { format, deployed, inProgress } = asObject(JSON.parse(text))
    if (format !== FORMAT || !Array.isArray(inProgress)) throw new Error('another format')
    return {
      deployed: deployed === undefined ? undefined : readDeployed(deployed),
      inProgress: inProgress.map(readVersion),
    }
  } catch (cause) {
    throw new CcsError('CCS_MANIFEST_INVALID', "The target's record of its Flink can't be read.", {
      hint: 'If a newer ccs wrote it, use that version.',
      cause,
    })
  }
}

function readDeployed(value: unknown): DeployedJob {
  const { id, savepoint } = asObject(value)
  if (typeof savepoint !== 'string') return { ...readVersion(value), id: readTextOf(id) }
  return { ...readVersion(value), id: readTextOf(id), savepoint }
}

function readVersion(value: unknown): JobVersion {
  const { version, name, sinks, plan } = asObject(value)
  if (!Number.isInteger(version) || !Array.isArray(sinks)) throw new Error('no job')
  return {
    version: Number(version),
    name: readTextOf(name),
    sinks: sinks.map((one) => {
      const { model, topic, fingerprint } = asObject(one)
      return {
        model: readTextOf(model),
        topic: readTextOf(topic),
        fingerprint: readTextOf(fingerprint),
      }
    }),
    plan: gunzipSync(Buffer.from(readTextOf(plan), 'base64')).toString(),
  }
}

function readTextOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('no text')
  return value
}
