/**
 * Ids of the objects that ccs makes in Superset. The id follows from the file's name (UUID version
 * 5, RFC 9562, section 5.5), so that each import finds what the last one made, and an object's own
 * text proves that ccs made it: the file that it names must give its id.
 */
import { createHash } from 'node:crypto'

/** What a file of `infra/superset/assets` describes; also the name of its folder. */
export type AssetKind = 'databases' | 'datasets' | 'charts' | 'dashboards'

/** In the order in which they build on one another. */
export const ASSET_KINDS: readonly AssetKind[] = ['databases', 'datasets', 'charts', 'dashboards']

/** Of ccs alone, chosen once at random: another one would make all objects strangers. */
const NAMESPACE = Buffer.from('7e0c1b6f9d5a4c43b2f40d1c5e9a6b38', 'hex')

/** Version 5 of the file's kind and key; lower case. */
export function makeAssetId(kind: AssetKind, key: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(`${kind}/${key}`).digest()
  const bytes = hash.subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [0, 8, 12, 16, 20].map((at, n) => hex.slice(at, [8, 12, 16, 20, 32][n])).join('-')
}

/** Path of a file below the project's folder. */
export function assetFile(kind: AssetKind, key: string): string {
  return `${ASSETS_FOLDER}/${kind}/${key}.yaml`
}

/** The kind and key of a path; undefined for a file that is no asset. */
export function parseAssetFile(
  file: string,
): { readonly kind: AssetKind; readonly key: string } | undefined {
  const match = /^infra\/superset\/assets\/(\w+)\/([a-z0-9_-]+)\.ya?ml$/.exec(file)
  const kind = ASSET_KINDS.find((one) => one === match?.[1])
  return kind && match?.[2] !== undefined ? { kind, key: match[2] } : undefined
}

/** Folder of the assets below the project's folder. */
export const ASSETS_FOLDER = 'infra/superset/assets'
