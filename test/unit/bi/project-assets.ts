/** The repo's own dashboards, for tests that change one of them. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { ASSETS_FOLDER } from '../../../cli/domain/bi/asset-id.ts'
import { type AssetSource, readAssets } from '../../../cli/domain/bi/assets.ts'
import { checkAssets } from '../../../cli/domain/bi/check-assets.ts'
import {
  type RenderValues,
  renderAssets,
  type WantedObject,
} from '../../../cli/domain/bi/render.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

export const SOURCES: readonly AssetSource[] = readdirSync(path.join(ROOT, ASSETS_FOLDER), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => path.posix.join(ASSETS_FOLDER, file.replaceAll(path.sep, '/')))
  .sort()
  .map((file) => ({ file, text: readFileSync(path.join(ROOT, file), 'utf8') }))

/** The repo's files, one of them with a text replaced. */
export function withChange(name: string, from: string, to: string): readonly AssetSource[] {
  const source = SOURCES.find(({ file }) => file.endsWith(`/${name}.yaml`))
  if (!source?.text.includes(from)) throw new Error(`${name} has no ${from}`)
  const changed = { ...source, text: source.text.replace(from, to) }
  return SOURCES.map((one) => (one === source ? changed : one))
}

/** `file:line` of a text in one of the repo's files. */
export function findPlace(name: string, text: string): string {
  const source = SOURCES.find(({ file }) => file.endsWith(`/${name}.yaml`))
  const before = source?.text.split(text)[0] ?? ''
  return `${name}.yaml:${before.split('\n').length}`
}

export const VALUES: RenderValues = {
  warehouse: 'duckdb',
  marts: '/shop/data/marts/serve.duckdb',
  timezone: 'Europe/Berlin',
  env: {},
}

export function render(
  sources: readonly AssetSource[] = SOURCES,
  values: Partial<RenderValues> = {},
): readonly WantedObject[] {
  const assets = readAssets(sources)
  checkAssets(assets, undefined)
  return renderAssets(assets, { ...VALUES, ...values })
}

/** The faults as `file:line message hint`. */
export function listFaults(work: () => unknown): readonly string[] {
  try {
    work()
    return []
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return [error, ...error.others].map(({ location, message, hint }) =>
      [`${location?.file.split('/').at(-1)}:${location?.line}`, message, hint].join(' ').trim(),
    )
  }
}
