/** Checks that the copy on S3 has each file that its manifest names, with its bytes. */
import type { Clock } from '../../kernel/clock.ts'
import { CcsError } from '../../kernel/errors.ts'
import { appendAll } from '../../kernel/lists.ts'
import type { DamagedFile } from '../damage.ts'
import type { Manifest } from '../manifest.ts'
import {
  COPY_FOLDERS,
  COPY_MANIFEST,
  type CopiedFile,
  type CopyManifest,
  isCopyKey,
  parseCopyManifest,
} from './copy-manifest.ts'
import { listBelow, type ObjectStore } from './object-store.ts'
import { listWanted, toCopied } from './plan-copy.ts'
import { runEach, tryAgain } from './try-again.ts'

/** What is checked, and how. */
export interface VerifyCopyPorts {
  readonly store: ObjectStore
  readonly clock: Pick<Clock, 'sleep'>
  /** The last commit here. */
  readonly manifest: Manifest | undefined
  readonly crc32: (bytes: Uint8Array, before: number) => number
  readonly onProgress?: (done: number, total: number) => void
}

/** The document of `ccs lake verify --s3`. */
export interface VerifyCopyResult {
  readonly ok: boolean
  readonly address: string
  /** The commit that readers of the bucket see; null: none. */
  readonly serial: number | null
  /** The last commit here; null: none. */
  readonly lastSerial: number | null
  readonly files: number
  readonly rows: number
  readonly bytes: number
  /** Files whose bytes were read, because the server has no checksums of them. */
  readonly read: number
  readonly damaged: readonly DamagedFile[]
  /** Objects that a commit replaced and that are removed later. */
  readonly replaced: number
  /** Objects that neither of these lists names: the next upload lists them as replaced. */
  readonly unnamed: number
}

const AT_ONCE = 8

/** Damaged files are part of the result. CCS_S3_INVALID: the manifest there is none of ccs. */
export async function verifyCopy(ports: VerifyCopyPorts): Promise<VerifyCopyResult> {
  const { store, manifest } = ports
  const lastSerial = manifest?.serial ?? null
  const visible = await loadVisible(ports)
  const files = visible?.files ?? []
  const damaged: DamagedFile[] = []
  let read = 0
  let done = 0
  await runEach(files, AT_ONCE, async (file) => {
    const { fault, isRead } = await findFault(file, ports)
    if (fault !== undefined) damaged.push({ file: file.key, fault })
    if (isRead) read++
    ports.onProgress?.(++done, files.length)
  })
  if (visible && manifest?.serial === visible.serial)
    appendAll(damaged, findLacking(visible, manifest))
  const sum = (key: 'rows' | 'bytes') => files.reduce((total, one) => total + one[key], 0)
  // A running upload may have replaced it meanwhile: its files are removed much later.
  const still = damaged.length > 0 ? await keepStillNamed(damaged, ports) : []
  const listed = await listBelow(store, COPY_FOLDERS, (call) => tryAgain(ports, call))
  const named = new Set([...files, ...(visible?.replaced ?? [])].map(({ key }) => key))
  return {
    ok: still.length === 0,
    ...{ address: store.address, serial: visible?.serial ?? null, lastSerial },
    ...{ files: files.length, rows: sum('rows'), bytes: sum('bytes'), read, damaged: still },
    replaced: visible?.replaced.length ?? 0,
    unnamed: listed.filter(({ key }) => isCopyKey(key) && !named.has(key)).length,
  }
}

async function loadVisible({ store, clock }: VerifyCopyPorts): Promise<CopyManifest | undefined> {
  const found = await tryAgain({ clock }, () => store.load(COPY_MANIFEST))
  return found && parseCopyManifest(found.body, store.address)
}

async function findFault(
  { key, bytes, crc32 }: CopiedFile,
  { store, clock, crc32: addTo }: VerifyCopyPorts,
): Promise<{ readonly fault?: string; readonly isRead?: true }> {
  const facts = await tryAgain({ clock }, () => store.inspect(key))
  if (!facts) return { fault: 'is missing' }
  if (facts.bytes !== bytes) return { fault: `has ${facts.bytes} bytes instead of ${bytes}` }
  const found = facts.crc32 ?? (await tryAgain({ clock }, () => readSum(store.read(key), addTo)))
  return {
    ...(found === crc32 ? {} : { fault: 'has other bytes than were written' }),
    ...(facts.crc32 === null ? { isRead: true as const } : {}),
  }
}

async function readSum(
  pieces: AsyncIterable<Uint8Array>,
  addTo: VerifyCopyPorts['crc32'],
): Promise<number> {
  let sum = 0
  for await (const piece of pieces) sum = addTo(piece, sum)
  return sum
}

/** Files of the same commit here that the manifest there does not have as they are. */
function findLacking(visible: CopyManifest, manifest: Manifest): readonly DamagedFile[] {
  const clicks = new Set(visible.files.flatMap(({ from }) => from ?? []))
  const there = new Map(visible.files.map((one) => [one.key, one]))
  return listWanted(manifest).flatMap(({ file, isClicks }) => {
    const { key, rows, bytes, crc32 } = toCopied(file)
    if (isClicks)
      return clicks.has(file.name) ? [] : [{ file: key, fault: 'has no clicks beside it' }]
    const found = there.get(key)
    const isSame = found?.rows === rows && found.bytes === bytes && found.crc32 === crc32
    return isSame ? [] : [{ file: key, fault: 'is not in the manifest as it is here' }]
  })
}

async function keepStillNamed(
  damaged: readonly DamagedFile[],
  ports: VerifyCopyPorts,
): Promise<readonly DamagedFile[]> {
  const now = await loadVisible(ports)
  if (!now)
    throw new CcsError('CCS_S3_INVALID', `${ports.store.address} has no ${COPY_MANIFEST} any more.`)
  const names = new Set(now.files.map(({ key }) => key))
  return damaged.filter(({ file, fault }) => names.has(file) || fault.startsWith('is not in'))
}
