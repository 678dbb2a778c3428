/** The Python packages that servers of `ccs stack` run on. */
import { stackStoppedError } from '../../domain/devstack/stack.ts'
import type { VenvPurpose } from './venv.ts'

/** The S3 server's packages. */
export const S3_VENV: VenvPurpose = {
  name: 'the S3 server',
  needs: 'The S3 server needs',
  packages: ['moto', 'flask'],
  installing: 'Installing an S3 server',
  size: 'about 30 MB to download, 110 MB on disk',
  next: 'ccs stack up sink',
  stopped: stackStoppedError,
}

/** Flink's own jars, which only a Python package has. */
export const FLINK_VENV: VenvPurpose = {
  name: 'Flink',
  needs: 'Flink needs',
  packages: ['apache-flink-libraries'],
  installing: 'Installing Apache Flink',
  size: 'about 330 MB to download, 380 MB on disk, and 35 MB of connectors',
  next: 'ccs stack up flink',
  stopped: stackStoppedError,
}
