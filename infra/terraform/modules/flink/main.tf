# A job on Amazon Managed Service for Apache Flink. It has no SQL Gateway, so ccs deploy can't reach it: this
# runs a jar of yours. README.md says which ways there are for the models of sql/.

variable "name" { type = string }
variable "settings" {
  type = object({
    jar_key = string
    runtime = string
    slots   = number
  })
}
variable "bucket_arn" { type = string }
variable "cluster_arn" { type = string }
variable "bootstrap" { type = string }
variable "security_group_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "kms_key_arn" { type = string }

locals {
  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID
  arn       = split(":", var.cluster_arn)
  partition = local.arn[1]
  region    = local.arn[3]
  account   = local.arn[4]
  log_group = "/flink/${var.name}"
  log       = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.log_group}:log-stream:job"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["kinesisanalytics.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "access" {
  statement {
    sid       = "ReadJar"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${var.bucket_arn}/${var.settings.jar_key}"]
  }
  statement {
    sid       = "ReachCluster"
    actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:WriteDataIdempotently"]
    resources = [var.cluster_arn]
  }
  statement {
    sid       = "UseTopics"
    actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", "kafka-cluster:WriteData"]
    resources = ["${replace(var.cluster_arn, ":cluster/", ":topic/")}/*"]
  }
  statement {
    sid       = "UseGroups"
    actions   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
    resources = ["${replace(var.cluster_arn, ":cluster/", ":group/")}/*"]
  }
  statement {
    sid       = "UseTransactions"
    actions   = ["kafka-cluster:DescribeTransactionalId", "kafka-cluster:AlterTransactionalId"]
    resources = ["${replace(var.cluster_arn, ":cluster/", ":transactional-id/")}/*"]
  }
  statement {
    sid       = "WriteLog"
    actions   = ["logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = [local.log]
  }
}

resource "aws_iam_role" "job" {
  name               = "${var.name}-flink"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "job" {
  name   = "job"
  role   = aws_iam_role.job.id
  policy = data.aws_iam_policy_document.access.json
}

resource "aws_cloudwatch_log_group" "job" {
  # checkov:skip=CKV_AWS_158: encrypted by CloudWatch, or by kms_key_arn where a shop has one
  # checkov:skip=CKV_AWS_338: a month shows why it failed; a year of logs is cost
  name              = local.log_group
  retention_in_days = 30
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_stream" "job" {
  name           = "job"
  log_group_name = aws_cloudwatch_log_group.job.name
}

resource "aws_kinesisanalyticsv2_application" "job" {
  name                   = var.name
  runtime_environment    = var.settings.runtime
  service_execution_role = aws_iam_role.job.arn
  application_configuration {
    application_code_configuration {
      code_content_type = "ZIPFILE"
      code_content {
        s3_content_location {
          bucket_arn = var.bucket_arn
          file_key   = var.settings.jar_key
        }
      }
    }
    application_snapshot_configuration {
      snapshots_enabled = true
    }
    environment_properties {
      property_group {
        property_group_id = "kafka"
        property_map      = { "bootstrap.servers" = var.bootstrap }
      }
    }
    flink_application_configuration {
      checkpoint_configuration {
        configuration_type = "DEFAULT"
      }
      parallelism_configuration {
        configuration_type   = "CUSTOM"
        auto_scaling_enabled = false
        parallelism          = var.settings.slots
        parallelism_per_kpu  = 1
      }
    }
    vpc_configuration {
      security_group_ids = [var.security_group_id]
      subnet_ids         = var.subnet_ids
    }
  }
  cloudwatch_logging_options {
    log_stream_arn = aws_cloudwatch_log_stream.job.arn
  }
}
