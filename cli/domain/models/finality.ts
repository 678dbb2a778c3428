/**
 * When a model's rows are final: which events come too late for it, which rows nothing can change any more,
 * and which partial rows belong to a time whose rows have left for the lake.
 */
import type { Model } from './model.ts'

/**
 * SQL predicate: the row came after its window, or its session's pause, and the model's lateness had passed
 * on its partition's watermark. Such rows stay in Silver and are left out of this model alone.
 */
export function tooLateSql(model: Model): string {
  const latenessMs = model.latenessMs ?? 0
  const time = model.time ?? 'event_time'
  if (model.session) return `late_ms >= ${model.session.pauseMs + latenessMs}`
  if (!model.window) return 'FALSE'
  const restMs =
    model.window.unit === 'shop day'
      ? `epoch_ms(shop_day_end(shop_day(${time}))) - epoch_ms(${time})`
      : `${model.window.sizeMs} - epoch_ms(${time}) % ${model.window.sizeMs}`
  return `CASE WHEN late_ms > ${latenessMs} THEN late_ms >= ${latenessMs} + (${restMs}) ELSE FALSE END`
}

/** SQL predicate over key `k0`: nothing that the model admits can still change the row, but for new partitions. */
export function closedSql(model: Model, watermarkMs: number): string {
  const latenessMs = model.latenessMs ?? 0
  if (model.session)
    return `epoch_ms(_run_last) + ${2 * model.session.pauseMs + latenessMs} <= ${watermarkMs}`
  if (!model.window) return 'FALSE'
  const end =
    model.window.unit === 'shop day'
      ? 'epoch_ms(shop_day_end(k0))'
      : `epoch_ms(k0) + ${model.window.sizeMs}`
  return `${end} + ${latenessMs} <= ${watermarkMs}`
}

/**
 * SQL predicate over a partial row: it may belong to a row that had closed when the least watermark of all
 * partitions was `closedMs`. Only a partition that was not there then brings an event that is admitted so early.
 */
export function reopensSql(model: Model, closedMs: number): string {
  if (!model.session) return closedSql(model, closedMs)
  return `epoch_ms(_first) + ${model.session.pauseMs + (model.latenessMs ?? 0)} <= ${closedMs}`
}
