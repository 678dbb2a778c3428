/**
 * The key of visitors' ids: a new one each day of the shop, of which only the present one exists.
 * It lies in the project's folder, not with the data, so that a copy of the data does not let
 * anybody compute an id again.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { asObject, parseJson } from '../../domain/kernel/json.ts'

const BYTES = 32
const MINUTE_MS = 60_000

/** Where the key lies, and when the shop's day changes. */
export interface DailySaltOptions {
  /** Folder of the project. */
  readonly dir: string
  /** IANA name. */
  readonly timezone: string
  /** Called once if the key can't be kept: it then ends with the process. */
  readonly onNotice: (text: string) => void
}

/** Returns the key of the day of an instant, ms since 1970. All processes of a project share it. */
export function openDailySalt({ dir, timezone, onNotice }: DailySaltOptions) {
  const file = path.join(dir, '.ccs/collect/salt.json')
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone })
  let minute = Number.NaN
  let day = ''
  let salt: Buffer = Buffer.alloc(0)
  return (nowMs: number): Buffer => {
    const now = Math.floor(nowMs / MINUTE_MS)
    if (now === minute) return salt
    minute = now
    const today = format.format(nowMs)
    if (today === day) return salt
    day = today
    salt = readSalt(file, today) ?? randomBytes(BYTES)
    try {
      writeSalt(file, today, salt)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      onNotice(`The day's key of visitors' ids can't be kept: it ends with this process (${why}).`)
    }
    return salt
  }
}

function readSalt(file: string, today: string): Buffer | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const { day, salt } = asObject(parseJson(text))
  const key = Buffer.from(String(salt), 'base64')
  return day === today && key.length === BYTES ? key : undefined
}

/** The key of the day before is gone when it returns. */
function writeSalt(file: string, day: string, salt: Buffer): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.tmp`
  writeFileSync(draft, JSON.stringify({ day, salt: salt.toString('base64') }), { mode: 0o600 })
  renameSync(draft, file)
}
