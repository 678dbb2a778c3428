/** Reads the files that `kafka.tls` of a target names. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Tls } from '../../domain/config/target.ts'

/** Their texts, by the same names; paths are relative to `dir`. */
export async function readTlsFiles(tls: Tls | undefined, dir: string): Promise<Tls> {
  const read = async (file: string | undefined) =>
    file === undefined ? undefined : readFile(path.resolve(dir, file), 'utf8')
  const [ca, cert, key] = await Promise.all([read(tls?.ca), read(tls?.cert), read(tls?.key)])
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) }
}
