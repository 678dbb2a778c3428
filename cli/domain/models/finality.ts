/**
 * SQL predicates on when rows of a model are final: which events are too late for it, which rows
 * can't change any more, and which partial rows may belong to a row that has already moved to the
 * lake.
 */
import type { Model } from './model.ts'

/**
 * Predicate over a source row: when it arrived, the watermark of its partition had passed the row's
 * window, or its session's gap, by the model's lateness. Such rows stay in Silver and are excluded
 * from this model.
 */
export function printTooLateSql(model: Model): string {
  const latenessMs = model.latenessMs ?? 0
  const time = model.time ?? 'event_time'
  if (model.session) return `late_ms >= ${model.session.pauseMs + latenessMs}`
  if (!model.window) return 'FALSE'
  const restMs =
    model.window.unit === 'shop day'
      ? `epoch_ms(shop_day_end(shop_day(${time}))) - epoch_ms(${time})`
      : `${model.window.sizeMs} - epoch_ms(${time}) % ${model.window.sizeMs}`
  return (
    `CASE WHEN late_ms > ${latenessMs} THEN late_ms >= ${latenessMs} + (${restMs}) ` +
    'ELSE FALSE END'
  )
}

/** Predicate over key `k0`: no event that the model accepts can change it, new partitions aside. */
export function printClosedSql(model: Model, watermarkMs: number): string {
  return `${printClosingMsSql(model)} <= ${watermarkMs}`
}

/** The watermark, ms, that closes the row of key `k0`; NULL for models whose rows never close. */
export function printClosingMsSql(model: Model): string {
  const latenessMs = model.latenessMs ?? 0
  if (model.session) return `epoch_ms(_run_last) + ${2 * model.session.pauseMs + latenessMs}`
  if (!model.window) return 'NULL::BIGINT'
  const end =
    model.window.unit === 'shop day'
      ? 'epoch_ms(shop_day_end(k0))'
      : `epoch_ms(k0) + ${model.window.sizeMs}`
  return `${end} + ${latenessMs}`
}

/**
 * Predicate over a partial row: it may belong to a row that has closed, of which the last one did
 * at `closedMs`. Only a partition whose watermark was not there then can deliver such an old event
 * that still counts as on time.
 */
export function printReopensSql(model: Model, closedMs: number): string {
  if (!model.session) return printClosedSql(model, closedMs)
  return `epoch_ms(_first) + ${model.session.pauseMs + (model.latenessMs ?? 0)} <= ${closedMs}`
}
