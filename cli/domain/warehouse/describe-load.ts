/** The statements of a load as text, for `ccs load redshift --dry-run`. */
import type { CopyManifest } from '../lake/s3/copy-manifest.ts'
import type { FoundFiles } from './check-files.ts'
import { listStages, pickFiles } from './load-group.ts'
import type { LoadGroup, LoadPlan } from './load-plan.ts'
import {
  copyStage,
  countStage,
  createStage,
  deleteDays,
  insertLedger,
  insertStage,
  lockLedger,
  prepareWarehouse,
  removeDays,
  renderFileList,
} from './load-statements.ts'
import { displayTable, type WarehouseSchemas } from './warehouse-table.ts'

/** What stands for the role: no output has the ARN. */
export const SHOWN_ROLE = '$RS_ROLE_ARN'

/** Lines of SQL and of comments, without what depends on what the warehouse answers. */
export function describeLoad(
  plan: LoadPlan,
  found: FoundFiles,
  manifest: CopyManifest,
  context: { readonly address: string; readonly schemas: WarehouseSchemas },
): readonly string[] {
  const { schemas } = context
  const lines = prepareWarehouse(schemas).map((one) => `${one};`)
  for (const group of plan.groups) lines.push('', ...describeGroup(group, found, manifest, context))
  for (const { table, days } of plan.removals)
    lines.push(
      '',
      `-- ${displayTable(table)}: the lake no longer has ${days.join(', ')}.`,
      ...removeDays(schemas, table, days).map((one) => `${one};`),
    )
  return lines
}

function describeGroup(
  group: LoadGroup,
  found: FoundFiles,
  manifest: CopyManifest,
  { address, schemas }: { readonly address: string; readonly schemas: WarehouseSchemas },
): readonly string[] {
  const { table, days } = group
  const files = pickFiles(group, found)
  const stages = listStages(files)
  const rows = days.reduce((sum, day) => sum + day.rows, 0)
  const names = days.map(({ day }) => day)
  const span = names.length > 1 ? `${names[0]} to ${names.at(-1)}` : names[0]
  const { lake, generation, serial } = manifest
  const origin = { lake, generation, serial, loadedMs: 0, ccsVersion: '' }
  const statements = [
    ...stages.flatMap((stage) => [
      createStage(stage),
      copyStage(stage, `${address}/load/${displayTable(table)}-${stage.name}`, SHOWN_ROLE),
      countStage(group, stage),
    ]),
    ...['BEGIN', lockLedger(schemas), ...deleteDays(schemas, table, names)],
    ...stages.map((stage) => insertStage(group, stage)),
    `${insertLedger(schemas, table, days, origin).split(' VALUES ')[0]} VALUES …`,
    'COMMIT',
  ]
  const lists = stages.flatMap(({ name, files }) => [
    `-- The list of ${name}:`,
    ...renderFileList(files, address)
      .trim()
      .split('\n')
      .map((line) => `--   ${line}`),
  ])
  return [
    `-- ${displayTable(table)}: ${span}, ${files.length} files, ${rows} rows.`,
    ...lists,
    ...statements.map((one) => `${one};`),
  ]
}
