/** Resources of the Flink Kubernetes operator for a project. */
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { printKubernetes } from '../../../cli/engines/flink/compile/kubernetes.ts'
import { compileShop } from '../../fixtures/flink-shop.ts'

const compiled = await compileShop()
const text = printKubernetes(compiled, 'Schöner Shop')
const [config, deployment] = parseAllDocuments(text).map((one) => one.toJS())

test('the ConfigMap has every statement, and all INSERTs in one set at the end', () => {
  expect(config).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'sch-ner-shop-ccs-sql' } })
  const script: string = config.data['job.sql']
  const [tables = '', inserts = ''] = script.split('EXECUTE STATEMENT SET\nBEGIN\n')
  const statements = compiled.flatMap((one) => one.compiled.statements)
  for (const { what, sql } of statements)
    expect(what === 'insert' ? inserts : tables).toContain(`${sql};`)
  expect(inserts.trimEnd().endsWith('END;')).toBe(true)
  expect(Buffer.byteLength(script)).toBeLessThan(1_000_000)
})

test('the deployment restores from savepoints and keeps its state outside of pods', () => {
  expect(deployment).toMatchObject({
    apiVersion: 'flink.apache.org/v1beta1',
    kind: 'FlinkDeployment',
    spec: {
      image: '${FLINK_IMAGE}',
      flinkVersion: 'v2_3',
      flinkConfiguration: {
        'execution.checkpointing.dir': '${FLINK_STATE_URL}/checkpoints',
        'high-availability.type': 'kubernetes',
        'high-availability.storageDir': '${FLINK_STATE_URL}/ha',
      },
      job: { args: ['--scriptUri', 'file:///opt/ccs/job.sql'], upgradeMode: 'savepoint' },
    },
  })
  const { volumes, containers } = deployment.spec.podTemplate.spec
  expect(volumes[0].configMap.name).toBe(config.metadata.name)
  expect(containers[0].volumeMounts[0].mountPath).toBe('/opt/ccs')
})

test.each(['', '---', 'x'.repeat(90)])('any name of a project makes a valid label: %s', (name) => {
  const [{ metadata }] = parseAllDocuments(printKubernetes(compiled, name)).map((one) => one.toJS())
  expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?$/)
})
