/**
 * Prints the job as resources of the Flink Kubernetes operator, for shops that deploy by Git: a
 * ConfigMap with the SQL, and a FlinkDeployment that runs it. Addresses stay ${VARIABLES}.
 * Flink compiles the SQL in the cluster, so nobody compares the states of two versions there.
 */
import type { CompileResult } from '../../../domain/dialects/compile.ts'

/** Variables of the resources, besides those of the SQL. */
const IMAGE = '${FLINK_IMAGE}'
const STATE = '${FLINK_STATE_URL}'

const SCRIPT = 'job.sql'
const FOLDER = '/opt/ccs'

/** Prints YAML for `kubectl apply`; `name` is the project's. */
export function printKubernetes(results: readonly CompileResult[], name: string): string {
  const job = `${toLabel(name)}-ccs`
  const script = printScript(results)
  return `# A changed model computes from the first event on in a job of its own: give metadata.name
# and TOPIC_PREFIX a new version, compare, then delete the former. Only what changes no SQL
# (resources, image, parallelism) goes on from the savepoint: Flink would restore the state of
# other SQL into wrong numbers without a word. ccs deploy compares states and does it by itself.
# The image: Flink 2.3 with the connector's, Avro's and ccs's jars in /opt/flink/lib.
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${job}-sql
data:
  ${SCRIPT}: |
${indent(script, 4)}
---
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: ${job}
spec:
  image: ${quote(IMAGE)}
  flinkVersion: v2_3
  serviceAccount: flink
  flinkConfiguration:
${indent(printConfiguration(job), 4)}
  podTemplate:
    spec:
      containers:
        - name: flink-main-container
          volumeMounts:
            - name: sql
              mountPath: ${FOLDER}
      volumes:
        - name: sql
          configMap:
            name: ${job}-sql
  jobManager:
    replicas: 1
    resource:
      cpu: 1
      memory: 2048m
  taskManager:
    resource:
      cpu: 2
      memory: 4096m
  job:
    jarURI: local:///opt/flink/opt/flink-sql-gateway-2.3.0.jar
    entryClass: org.apache.flink.table.runtime.application.SqlDriver
    args: ["--scriptUri", "file://${FOLDER}/${SCRIPT}"]
    parallelism: 1
    state: running
    upgradeMode: savepoint
`
}

/** All that a job of ccs needs of a cluster; state outlives its pods. */
function printConfiguration(job: string): string {
  const settings: readonly (readonly [string, string])[] = [
    ['taskmanager.numberOfTaskSlots', '2'],
    ['execution.runtime-mode', 'streaming'],
    ['execution.checkpointing.interval', '1 min'],
    ['execution.checkpointing.mode', 'EXACTLY_ONCE'],
    ['execution.checkpointing.dir', `${STATE}/checkpoints`],
    ['execution.checkpointing.savepoint-dir', `${STATE}/savepoints`],
    ['execution.checkpointing.externalized-checkpoint-retention', 'RETAIN_ON_CANCELLATION'],
    ['high-availability.type', 'kubernetes'],
    ['high-availability.storageDir', `${STATE}/ha`],
    ['state.backend.type', 'rocksdb'],
    ['execution.checkpointing.incremental', 'true'],
    ['restart-strategy.type', 'exponential-delay'],
    ['pipeline.object-reuse', 'true'],
    ['pipeline.name', job],
  ]
  return settings.map(([key, value]) => `${key}: ${quote(value)}`).join('\n')
}

/** Settings and tables first, then all INSERTs as one job, which reads its source once. */
function printScript(results: readonly CompileResult[]): string {
  const all = results.flatMap(({ compiled }) => compiled.statements)
  const inserts = all.filter((one) => one.what === 'insert').map((one) => `${one.sql};`)
  const others = all.filter((one) => one.what !== 'insert').map((one) => `${one.sql};`)
  return [...others, 'EXECUTE STATEMENT SET', 'BEGIN', ...inserts, 'END;'].join('\n')
}

function quote(text: string): string {
  return JSON.stringify(text)
}

function indent(text: string, spaces: number): string {
  const gap = ' '.repeat(spaces)
  return text.replace(/^(?=.)/gm, gap)
}

/** A name as Kubernetes takes it: small letters, digits and hyphens, at most 40 of them. */
function toLabel(name: string): string {
  const label = name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return label.slice(0, 40).replace(/^-+|-+$/g, '') || 'shop'
}
