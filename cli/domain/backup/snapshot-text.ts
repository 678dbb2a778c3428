/** Snapshots as text: JSON with a format, and a SHA-256 over what follows it. */
import { createHash } from 'node:crypto'
import { CcsError } from '../kernel/errors.ts'
import { asObject, isObject } from '../kernel/json.ts'
import { isPathBelow } from '../lake/layout.ts'
import { SNAPSHOT_FORMAT, type Snapshot } from './snapshot.ts'

/** The text of an object under `snapshots/`. */
export function renderSnapshot(snapshot: Snapshot): Buffer {
  const body = JSON.stringify(snapshot)
  return Buffer.from(`${printHead(body)}${body}}\n`)
}

/** CCS_BACKUP_INVALID for damage, or a newer format; `place` is for the message. */
export function parseSnapshot(bytes: Buffer, place: string): Snapshot {
  const text = bytes.toString('utf8')
  const [head = '', format] = /^\{"format":(\d+),"sha256":"\w*",\n"snapshot":/.exec(text) ?? []
  if (Number(format) > SNAPSHOT_FORMAT)
    throw new CcsError(
      'CCS_BACKUP_INVALID',
      `${place} has format ${format}; this ccs knows formats up to ${SNAPSHOT_FORMAT}.`,
      { hint: 'Restore it with the newer ccs that wrote it.' },
    )
  const body = text.slice(head.length, -'}\n'.length)
  if (head === '' || head !== printHead(body)) throw damaged(place)
  const snapshot = asObject(JSON.parse(body))
  if (!hasPlainKeys(snapshot)) throw damaged(place)
  // Its checksum says that ccs wrote it, and its keys have been checked.
  return snapshot as unknown as Snapshot
}

function printHead(body: string): string {
  const sha256 = createHash('sha256').update(body).digest('hex')
  return `{"format":${SNAPSHOT_FORMAT},"sha256":"${sha256}",\n"snapshot":`
}

/** No object may lead out of the backup, or of the directory that is restored. */
function hasPlainKeys(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(hasPlainKeys)
  if (!isObject(value)) return true
  return Object.entries(value).every(([name, one]) =>
    name === 'key' || name === 'path' || name === 'topic'
      ? typeof one === 'string' && isPathBelow(one)
      : hasPlainKeys(one),
  )
}

function damaged(place: string): CcsError {
  return new CcsError('CCS_BACKUP_INVALID', `${place} is damaged: its checksum does not match.`, {
    hint: 'Restore an earlier backup: ccs backup ls',
  })
}
