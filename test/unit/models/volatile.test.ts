/** A model whose rows would differ when they are computed again is refused, with the place. */
import { expect, test } from 'vitest'
import { openLogic } from '../../../cli/app/project-logic.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { loadProject } from '../../../cli/project.ts'
import { ROOT } from '../../e2e/run-ccs.ts'

/** The error of the project with `change` applied to one model. */
async function refusal(file: string, change: (text: string) => string): Promise<CcsError> {
  const project = await loadProject(ROOT, { env: {} })
  const models = project.models.map((one) =>
    one.file === file ? { ...one, text: change(one.text) } : one,
  )
  const error = await openLogic({ ...project, models }).catch((thrown: unknown) => thrown)
  if (error instanceof CcsError) return error
  throw new Error(`not refused: ${String(error)}`)
}

const FILE = 'sql/gold/activity_1m.sql'
const withColumn = (sql: string) => (text: string) =>
  text.replace('count(DISTINCT anonymous_id)', `${sql} AS made,\n  count(DISTINCT anonymous_id)`)

test.each(['now()', 'current_timestamp', 'random()', 'max(uuid())'])(
  '%s in a window model is refused',
  async (sql) => {
    const error = await refusal(FILE, withColumn(sql))
    expect(error.code).toBe('CCS_MODEL_INVALID')
    expect(error.message).toContain('answers differently each time')
    expect(error.location).toMatchObject({ file: FILE, line: 14 })
  },
)

test('right_now() is for views alone', async () => {
  const error = await refusal(FILE, withColumn('right_now()'))
  expect(error.message).toContain('right_now() answers differently each time')
  expect(error.hint).toContain('in a model of kind view')
})
