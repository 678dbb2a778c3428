/** Decides what `ccs why` explains: a row of a model, or of a mart that dbt's YAML describes. */
import { createAuditCatalog } from '../audit/catalog.ts'
import type { NamedText } from '../documents/json-document.ts'
import { parseYaml } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import { asObject } from '../kernel/json.ts'
import type { MartsLake, StreamAnswers } from '../reconcile/run-reconcile.ts'
import { explainMartRow, type MartMeta } from './mart.ts'
import { explainMissing } from './set-aside.ts'
import { explainRow, type WhyInput, type WhyReport } from './why.ts'

/** The models, and what opens what they are compared with. */
export interface ExplainPorts extends Omit<WhyInput, 'query'> {
  openAnswers(): Promise<StreamAnswers>
  /** Files of dbt/models that end in .yml or .yaml, sorted. */
  readMartTexts(): Promise<readonly NamedText[]>
  withMartsLake<T>(use: (lake: MartsLake) => Promise<T>): Promise<T>
}

/** Models have a layer, `gold.revenue_daily`; marts have none. `words` are the row's key. */
export async function explain(
  ports: ExplainPorts,
  name: string,
  words: readonly string[],
): Promise<WhyReport> {
  try {
    return name.includes('.')
      ? await explainModel(ports, name, words)
      : await explainMart(ports, name, words)
  } catch (error) {
    if (!(error instanceof CcsError && error.code === 'CCS_USAGE_INVALID')) throw error
    throw explainMissing(await ports.readSetAside(), name, words) ?? error
  }
}

async function explainModel(
  ports: ExplainPorts,
  name: string,
  words: readonly string[],
): Promise<WhyReport> {
  const answers = await ports.openAnswers()
  try {
    return await explainRow({ ...ports, query: (sql) => answers.query(sql) }, name, words)
  } finally {
    await answers.close()
  }
}

async function explainMart(
  ports: ExplainPorts,
  name: string,
  words: readonly string[],
): Promise<WhyReport> {
  const metas = readMartMetas(await ports.readMartTexts())
  const mart = metas.find((one) => one.name === name)
  if (!mart)
    throw new CcsError('CCS_USAGE_INVALID', `There is no model or mart '${name}'.`, {
      hint: didYouMean(name, [
        ...ports.graph.map((one) => one.model.name),
        ...metas.map((one) => one.name),
      ]),
    })
  return ports.withMartsLake(async ({ marts, plain, tables, auditLogic }) => {
    await createAuditCatalog(plain, auditLogic, tables)
    return explainMartRow({ ...ports, marts: (sql) => marts.query(sql), plain }, mart, words)
  })
}

/** Marts whose YAML says which events are behind a row; CCS_CONFIG_INVALID for broken YAML. */
export function readMartMetas(texts: readonly NamedText[]): readonly MartMeta[] {
  const found: MartMeta[] = []
  for (const { file, text } of texts) {
    const { models } = asObject(parseYaml(text, { file, code: 'CCS_CONFIG_INVALID' }).value)
    for (const one of Array.isArray(models) ? models.map(asObject) : []) {
      const { events, key } = asObject(asObject(one.config).meta)
      if (typeof events !== 'string' || !Array.isArray(key)) continue
      const [name, description] = [String(one.name), String(one.description ?? '').trim()]
      const sqlFile = file.replace(/[^/]+$/, `${name}.sql`)
      found.push({ name, file: sqlFile, description, key: key.map(String), events })
    }
  }
  return found
}
