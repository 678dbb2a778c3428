/**
 * The token of a data directory: whoever can read it may ask the HTTP server that runs on the data
 * for everything. It is made at the first start and stays until somebody deletes it, so that pages
 * that are open outlive a restart. Only its owner can read the file, whatever `data_mode` says.
 */
import { createHmac, randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { diskError } from './disk-error.ts'
import { isErrno } from './files.ts'

/** A client's challenge, and the server's proof that it knows the token. */
export const CHALLENGE_HEADER = 'x-ccs-challenge'
/** See CHALLENGE_HEADER. */
export const PROOF_HEADER = 'x-ccs-proof'

const BYTES = 32
const FORM = /^[\w-]{43}$/
const OTHERS = 0o077

/** Where the token of a data directory lies. */
export function accessTokenPath(root: string): string {
  return `${root}/access-token`
}

/** undefined: there is none, or this user can't read it. */
export async function readAccessToken(root: string): Promise<string | undefined> {
  const text = await fs.readFile(accessTokenPath(root), 'utf8').catch(() => '')
  return FORM.test(text.trim()) ? text.trim() : undefined
}

/**
 * The token, made if there is none. One that other users could read is replaced. Throws
 * CCS_DISK_DENIED and CCS_DISK_FULL.
 */
export async function openAccessToken(root: string): Promise<string> {
  const path = accessTokenPath(root)
  const own = `${path}.${randomBytes(4).toString('hex')}.tmp`
  try {
    for (;;) {
      const stat = await fs.lstat(path).catch(() => undefined)
      const isPrivate = stat?.isFile() && (stat.mode & OTHERS) === 0
      const known = isPrivate ? await readAccessToken(root) : undefined
      if (known !== undefined) return known
      if (stat) await fs.rm(path, { force: true })
      await fs.mkdir(root, { recursive: true })
      const token = randomBytes(BYTES).toString('base64url')
      await fs.writeFile(own, `${token}\n`, { mode: 0o600, flag: 'wx' })
      try {
        // Of two processes that start at once, one claims the name, and the other reads its token.
        await fs.link(own, path)
        return token
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error
      } finally {
        await fs.rm(own, { force: true })
      }
    }
  } catch (error) {
    throw diskError(error, path)
  }
}

/**
 * Proves to somebody who knows the token too that one knows it, without sending it: a client asks
 * for this before it sends the token to a port that another program might listen on by now.
 */
export function proveToken(token: string, challenge: string): string {
  return createHmac('sha256', token).update(`proof:${challenge}`).digest('base64url')
}

/** What a browser keeps in a cookie: it lets a page read everything, and can't become the token. */
export function derivePageKey(token: string): string {
  return createHmac('sha256', token).update('page').digest('base64url')
}
