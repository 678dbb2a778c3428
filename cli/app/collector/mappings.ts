/** Composition of the mappings of other systems' events: the files of the project's `collect/`. */

import type { RowMapper } from '../../domain/ingest/mapping/bind-mapping.ts'
import type { EventContract } from '../../domain/ingest/mapping/event-contract.ts'
import { type Project, readProjectTexts } from '../../project.ts'
import type { Mappings } from '../../web/collector/doors.ts'

const FOLDER = 'collect'

/** CCS_IMPORT_INVALID with all faults of a file. A file that is not there is a door less. */
export async function openMappings({ dir }: Project, contract: EventContract): Promise<Mappings> {
  const [{ parseMapping }, { bindMapping }] = await Promise.all([
    import('../../domain/ingest/mapping/parse-mapping.ts'),
    import('../../domain/ingest/mapping/bind-mapping.ts'),
  ])
  const mappers = new Map<string, RowMapper>()
  for (const { file, text } of await readProjectTexts(dir, FOLDER, ['.yml'])) {
    const spec = parseMapping(text, file, contract)
    const source = { file, format: 'ndjson', columns: undefined } as const
    mappers.set(file.slice(FOLDER.length + 1, -'.yml'.length), bindMapping(spec, contract, source))
  }
  /** `order` for shopify-orders.yml. */
  const of = (shop: string) =>
    new Map(
      [...mappers].flatMap(([name, mapper]) =>
        name.startsWith(`${shop}-`)
          ? [[name.slice(shop.length + 1).replace(/s$/, ''), mapper] as const]
          : [],
      ),
    )
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
