/** The audits in a model's header, each as a SELECT of the rows that break it. */
import { appendAll } from '../kernel/lists.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import type { Audit, Model } from '../models/model.ts'
import type { AuditSql } from './catalog.ts'
import { idSql, queryFaults } from './compare.ts'
import type { AuditFault } from './log-accounts.ts'

/** An audit as the header writes it. */
export function auditText(audit: Audit): string {
  switch (audit.rule) {
    case 'not_null':
      return `not_null(${audit.column})`
    case 'unique':
      return `unique(${audit.columns.join(', ')})`
    case 'accepted_values':
      return `accepted_values(${[audit.column, ...audit.values].join(', ')})`
    case 'holds':
      return audit.expression
    default:
      return audit satisfies never
  }
}

/** SELECT of `id` of the rows that break the audit. As in SQL's CHECK, NULL as a result passes. */
export function violationsSql(audit: Audit, model: Model, relation: string): string {
  const select = `SELECT ${idSql(model.key)} AS id FROM ${relation}`
  switch (audit.rule) {
    case 'not_null':
      return `${select} WHERE ${quoteName(audit.column)} IS NULL`
    case 'unique': {
      const columns = audit.columns.map(quoteName).join(', ')
      return `SELECT ${idSql(audit.columns)} AS id FROM ${relation}
        GROUP BY ${columns} HAVING count(*) > 1`
    }
    case 'accepted_values': {
      const values = audit.values.map(quoteText).join(', ')
      return `${select} WHERE CAST(${quoteName(audit.column)} AS VARCHAR) NOT IN (${values})`
    }
    case 'holds':
      return `${select} WHERE NOT (${audit.expression})`
    default:
      return audit satisfies never
  }
}

/** Runs the audits of a model's header over `relation`, which has the model's rows. */
export async function runHeaderAudits(
  sql: AuditSql,
  model: Model,
  relation: string,
): Promise<readonly AuditFault[]> {
  const faults: AuditFault[] = []
  for (const audit of model.audits) {
    const broken = `SELECT id, ${quoteText(auditText(audit))} AS problem
      FROM (${violationsSql(audit, model, relation)})`
    appendAll(faults, await queryFaults(sql, model.name, broken))
  }
  return faults
}
