/**
 * The records of the topic `_ccs.manifest`, by key: `claim` (who may deploy), `current` (the newest
 * serial), `deployment/<serial>` (size and hash of the content) and `deployment/<serial>/<n>` (the
 * content: gzipped JSON in parts that fit into a record). The newest record of a key counts, so
 * compaction loses nothing.
 */
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { DEPLOYMENT_FORMAT, type Deployment } from '../../domain/deploy/deployment.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject } from '../../domain/kernel/json.ts'
import type { ProcessId } from '../files/process-id.ts'

/** The newest value of each key. */
export type Records = ReadonlyMap<string, Buffer>

/** A record to write. */
export interface KeyedRecord {
  readonly key: string
  /** null deletes the key. */
  readonly value: Buffer | null
}

/** Who may deploy to the target. */
export interface ClaimRecord extends ProcessId {
  /** Increases with every claim. */
  readonly epoch: number
  /** Distinguishes two claims of one process. */
  readonly token: string
  readonly owner: string
  readonly sinceMs: number
  /** End of the lease; 0: released. */
  readonly untilMs: number
}

/** Number of deployments that stay in the topic. */
export const HISTORY_KEPT = 20
/** A record with its key and overhead stays below Kafka's default limit of 1,048,588 bytes. */
const PART_BYTES = 900_000
const CLAIM = 'claim'
const CURRENT = 'current'
const CONTENT = /^deployment\/(\d+)(?:\/(\d+))?$/

interface Header {
  readonly format: number
  readonly serial: number
  readonly parts: number
  readonly bytes: number
  readonly sha256: string
}

/** The record that stores a claim. */
export function encodeClaim(claim: ClaimRecord): KeyedRecord {
  return { key: CLAIM, value: encodeJson({ format: DEPLOYMENT_FORMAT, ...claim }) }
}

/** undefined before the first claim. Throws CCS_MANIFEST_INVALID, like all readers here. */
export function readClaim(records: Records): ClaimRecord | undefined {
  const found = parse(records, CLAIM)
  if (found === undefined) return undefined
  const { epoch, token, owner, sinceMs, untilMs, pid, host, started, namespace } = found
  for (const number of [epoch, sinceMs, untilMs, pid])
    if (typeof number !== 'number') throw damagedError(CLAIM)
  for (const text of [token, owner, host, started])
    if (typeof text !== 'string') throw damagedError(CLAIM)
  // All fields were checked above; an older ccs names no namespace.
  const claim = { epoch, token, owner, sinceMs, untilMs, pid, host, started } as ClaimRecord
  return typeof namespace === 'string' ? { ...claim, namespace } : claim
}

/** What saving a deployment writes: its content, that it is current, and deletions of old ones. */
export function encodeDeployment(deployment: Deployment, before: Records): KeyedRecord[] {
  const { serial } = deployment
  const content = gzipSync(JSON.stringify(deployment))
  const parts: Buffer[] = []
  for (let at = 0; at < content.length; at += PART_BYTES)
    parts.push(content.subarray(at, at + PART_BYTES))
  const sha256 = createHash('sha256').update(content).digest('hex')
  const header: Header = {
    format: DEPLOYMENT_FORMAT,
    serial,
    parts: parts.length,
    bytes: content.length,
    sha256,
  }
  const kept = new Set(
    [...new Set([serial, ...listSerials(before)])].sort((a, b) => b - a).slice(0, HISTORY_KEPT),
  )
  const forgotten = [...before.keys()].filter((key) => {
    const [, of, part] = CONTENT.exec(key) ?? []
    if (of === undefined) return false
    const isOldPart = Number(of) === serial && Number(part ?? 0) >= parts.length
    return isOldPart || !kept.has(Number(of))
  })
  return [
    ...forgotten.map((key) => ({ key, value: null })),
    ...parts.map((value, index) => ({ key: `deployment/${serial}/${index}`, value })),
    { key: `deployment/${serial}`, value: encodeJson(header) },
    { key: CURRENT, value: encodeJson({ format: DEPLOYMENT_FORMAT, serial }) },
  ]
}

/** undefined before the first deployment. */
export function readCurrent(records: Records): Deployment | undefined {
  const current = parse(records, CURRENT)
  if (current === undefined) return undefined
  if (typeof current.serial !== 'number') throw damagedError(CURRENT)
  return readDeployment(records, current.serial)
}

/** Completed deployments, newest first. */
export function readHistory(records: Records): Deployment[] {
  return listSerials(records)
    .map((serial) => readDeployment(records, serial))
    .filter(({ complete }) => complete)
}

/** Serials of all deployments, newest first. */
function listSerials(records: Records): number[] {
  const found = [...records.keys()].flatMap((key) => {
    const [, serial, part] = CONTENT.exec(key) ?? []
    return serial === undefined || part !== undefined ? [] : [Number(serial)]
  })
  return found.sort((a, b) => b - a)
}

function readDeployment(records: Records, serial: number): Deployment {
  const key = `deployment/${serial}`
  const header = parse(records, key)
  if (header === undefined) throw damagedError(key)
  const parts: Buffer[] = []
  for (let index = 0; index < Number(header.parts); index++) {
    const part = records.get(`${key}/${index}`)
    if (part === undefined) throw damagedError(`${key}/${index}`)
    parts.push(part)
  }
  const content = Buffer.concat(parts)
  if (createHash('sha256').update(content).digest('hex') !== header.sha256) throw damagedError(key)
  return checkDeployment(JSON.parse(gunzipSync(content).toString('utf8')), key)
}

function checkDeployment(value: unknown, key: string): Deployment {
  // The hash was checked, so this is what a deployer of this format wrote.
  const deployment = value as Deployment
  if (deployment.format !== DEPLOYMENT_FORMAT || !Array.isArray(deployment.resources))
    throw damagedError(key)
  return deployment
}

function parse(records: Records, key: string): Readonly<Record<string, unknown>> | undefined {
  const value = records.get(key)
  if (value === undefined) return undefined
  let found: unknown
  try {
    found = JSON.parse(value.toString('utf8'))
  } catch (cause) {
    throw damagedError(key, cause)
  }
  const record = asObject(found)
  if (typeof record.format !== 'number') throw damagedError(key)
  if (record.format > DEPLOYMENT_FORMAT)
    throw new CcsError(
      'CCS_MANIFEST_INVALID',
      `The target's manifest (record ${key}) was written by a newer version of ccs.`,
      { hint: 'Use that version, or a newer one.' },
    )
  return record
}

function damagedError(key: string, cause?: unknown): CcsError {
  return new CcsError(
    'CCS_MANIFEST_INVALID',
    `The record ${key} of the target's manifest is damaged or not one of ccs.`,
    {
      hint: 'Does something else write to _ccs.manifest? To take over what runs: ccs adopt',
      cause,
    },
  )
}

function encodeJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
