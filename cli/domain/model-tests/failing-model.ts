/** Names the model and the test case on which DuckDB fails. */
import { CcsError } from '../kernel/errors.ts'
import type { Model } from '../models/model.ts'
import type { ModelTestCase } from './model-test.ts'

/**
 * DuckDB's message on a model that fails on a row of the case names neither of them: this error
 * does. Any other error is returned as it is.
 */
export function nameFailingModel(
  error: unknown,
  one: Pick<ModelTestCase, 'model' | 'name' | 'file' | 'line'>,
  models: ReadonlyMap<string, Pick<Model, 'file'>>,
): unknown {
  if (!(error instanceof CcsError) || error.code !== 'CCS_QUERY_INVALID') return error
  const reason = error.message.split('\n')[0]?.replace(/^A model fails on a record: /, '')
  const file = models.get(one.model)?.file ?? one.file
  return new CcsError('CCS_MODEL_INVALID', `${one.model} fails on a test case: ${reason}`, {
    location: { file },
    hint: `The case is “${one.name}”, ${one.file}:${one.line}.`,
    cause: error,
  })
}
