# A sink of connectors/ on MSK Connect: one small worker that writes topics into the bucket.

variable "name" { type = string }
variable "settings" {
  type = object({
    plugin_key    = string
    configuration = map(string)
    version       = string
  })
}
variable "bucket_arn" { type = string }
variable "prefix" { type = string }
variable "cluster_arn" { type = string }
variable "bootstrap" { type = string }
variable "security_group_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "kms_key_arn" { type = string }

locals {
  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID
  cluster = replace(var.cluster_arn, ":cluster/", ":topic/")
  groups  = replace(var.cluster_arn, ":cluster/", ":group/")
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["kafkaconnect.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "access" {
  statement {
    sid       = "ReachCluster"
    actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"]
    resources = [var.cluster_arn]
  }
  statement {
    sid = "UseTopics"
    actions = [
      "kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration",
      "kafka-cluster:ReadData", "kafka-cluster:WriteData",
    ]
    resources = ["${local.cluster}/*"]
  }
  statement {
    sid       = "UseGroups"
    actions   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
    resources = ["${local.groups}/*"]
  }
  statement {
    sid       = "WriteObjects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${var.bucket_arn}/${var.prefix}sinks/*"]
  }
  statement {
    sid       = "ListBucket"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.prefix}sinks/*"]
    }
  }
}

resource "aws_iam_role" "sink" {
  name               = "${var.name}-sink"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "sink" {
  name   = "sink"
  role   = aws_iam_role.sink.id
  policy = data.aws_iam_policy_document.access.json
}

resource "aws_cloudwatch_log_group" "sink" {
  # checkov:skip=CKV_AWS_158: encrypted by CloudWatch, or by kms_key_arn where a shop has one
  # checkov:skip=CKV_AWS_338: a month shows why it failed; a year of logs is cost
  name              = "/msk-connect/${var.name}"
  retention_in_days = 30
  kms_key_id        = var.kms_key_arn
}

resource "aws_mskconnect_custom_plugin" "sink" {
  name         = "${var.name}-sink"
  content_type = "ZIP"
  location {
    s3 {
      bucket_arn = var.bucket_arn
      file_key   = var.settings.plugin_key
    }
  }
}

resource "aws_mskconnect_connector" "sink" {
  name                       = "${var.name}-sink"
  kafkaconnect_version       = var.settings.version
  connector_configuration    = var.settings.configuration
  service_execution_role_arn = aws_iam_role.sink.arn
  capacity {
    provisioned_capacity {
      mcu_count    = 1
      worker_count = 1
    }
  }
  kafka_cluster {
    apache_kafka_cluster {
      bootstrap_servers = var.bootstrap
      vpc {
        security_groups = [var.security_group_id]
        subnets         = var.subnet_ids
      }
    }
  }
  kafka_cluster_client_authentication {
    authentication_type = "IAM"
  }
  kafka_cluster_encryption_in_transit {
    encryption_type = "TLS"
  }
  plugin {
    custom_plugin {
      arn      = aws_mskconnect_custom_plugin.sink.arn
      revision = aws_mskconnect_custom_plugin.sink.latest_revision
    }
  }
  log_delivery {
    worker_log_delivery {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.sink.name
      }
    }
  }
}
