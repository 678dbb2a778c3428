/** Use cases of the keys of pseudonyms: list them, let a new one follow, destroy one. */
import {
  destroyKey,
  type PiiKey,
  type PiiKeys,
  type Rotation,
  requirePiiKeys,
  rotateKeys,
} from './pii-keys.ts'

/** A key without its secret. */
export interface ListedKey extends Omit<PiiKey, 'secret' | 'destroyed'> {
  /** When it was destroyed, ISO 8601; null: it was not. */
  readonly destroyed: string | null
}

/** The `--json` document of the commands on keys. */
export interface PiiKeysResult {
  readonly file: string
  readonly applied: boolean
  readonly keys: readonly ListedKey[]
}

/** Where the keys are, and what a change needs to know. */
export interface KeysPorts extends Pick<Rotation, 'newSecret'> {
  readonly file: string
  readonly nowMs: number
  load(): Promise<PiiKeys | undefined>
  save(keys: PiiKeys): Promise<void>
  /** Greatest event time that may have rows, ms since 1970; null: there are none. */
  newestMs(): Promise<number | null>
  /** Begin of the shop's first day after an instant. */
  nextDayMs(afterMs: number): number
  /** Begin of a day of the shop's calendar, counted from 1970-01-01. */
  dayBeginMs(day: number): number
}

/** The keys that there are; [] without a file. */
export async function listKeys(ports: KeysPorts): Promise<PiiKeysResult> {
  return describe(ports, await ports.load(), false)
}

/** Makes the first keys, or one that is in force from a day on; `from`: of the shop's calendar. */
export async function addKey(ports: KeysPorts, fromMs: number | undefined): Promise<PiiKeysResult> {
  const before = await ports.load()
  const newestMs = before === undefined ? null : await ports.newestMs()
  const next = ports.nextDayMs(Math.max(ports.nowMs, newestMs ?? 0))
  const keys = rotateKeys(before, { ...ports, newestMs, fromMs: fromMs ?? next })
  await ports.save(keys)
  return describe(ports, keys, true)
}

/** Destroys the key if `confirm` says yes. */
export async function removeKey(
  ports: KeysPorts,
  id: string,
  confirm: () => Promise<boolean>,
): Promise<PiiKeysResult> {
  const before = requirePiiKeys(await ports.load(), ports.file)
  const keys = destroyKey(before, id, ports)
  if (!(await confirm())) return describe(ports, before, false)
  await ports.save(keys)
  return describe(ports, keys, true)
}

function describe({ file }: KeysPorts, keys: PiiKeys | undefined, applied: boolean): PiiKeysResult {
  const listed = (keys?.keys ?? []).map(({ secret: _, destroyed = null, ...one }) => {
    return { ...one, destroyed }
  })
  return { file, applied, keys: listed }
}
