/** Composition of the mappings of other systems' events: the files of the project's `collect/`. */

import type { MapRows } from '../../domain/collector/foreign-events.ts'
import type { EventContract } from '../../domain/ingest/mapping/event-contract.ts'
import { type Project, readProjectTexts } from '../../project.ts'
import type { Mappings } from '../../web/collector/doors.ts'

const FOLDER = 'collect'

/** CCS_IMPORT_INVALID with all faults of a file. Without a file, its paths are not served. */
export async function openMappings({ dir }: Project, contract: EventContract): Promise<Mappings> {
  const [{ parseMapping }, { bindSender }] = await Promise.all([
    import('../../domain/ingest/mapping/parse-mapping.ts'),
    import('../../domain/collector/foreign-events.ts'),
  ])
  const mappers = new Map<string, MapRows>()
  for (const { file, text } of await readProjectTexts(dir, FOLDER, ['.yml'])) {
    const spec = parseMapping(text, file, contract)
    mappers.set(file.slice(FOLDER.length + 1, -'.yml'.length), bindSender(spec, contract))
  }
  const of = (shop: string) =>
    [...mappers].flatMap(([name, map]) => (name.startsWith(`${shop}-`) ? [map] : []))
  return {
    segment: mappers.get('segment'),
    ga4: mappers.get('ga4'),
    shopify: of('shopify'),
    woocommerce: of('woocommerce'),
  }
}

/** The networks of data centres that `collect/data-centres.csv` lists; CCS_CONFIG_INVALID. */
export async function openDataCentres({ dir }: Project) {
  const [{ DataCentres }, { CcsError }] = await Promise.all([
    import('../../domain/collector/network.ts'),
    import('../../domain/kernel/errors.ts'),
  ])
  const centres = new DataCentres()
  const file = `${FOLDER}/data-centres.csv`
  const texts = await readProjectTexts(dir, FOLDER, ['.csv'])
  const lines = (texts.find((one) => one.file === file)?.text ?? '').split('\n')
  for (const [index, line] of lines.entries()) {
    const [network = '', owner = ''] = line.trim().split(',')
    if (network === '' || network.startsWith('#') || index === 0) continue
    const fault = centres.add(network, owner)
    if (fault !== undefined)
      throw new CcsError('CCS_CONFIG_INVALID', fault, { location: { file, line: index + 1 } })
  }
  return centres
}
