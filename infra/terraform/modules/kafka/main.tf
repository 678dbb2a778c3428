# MSK with three brokers. ccs logs in by SCRAM over TLS; MSK Connect and Managed Flink by IAM.

variable "name" { type = string }
variable "settings" {
  type = object({
    version          = string
    broker           = string
    disk_gb          = number
    scram_secret_arn = string
  })
}
variable "kms_key_arn" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "client_cidrs" { type = list(string) }

locals {
  scram_port = 9096
  iam_port   = 9098
}

resource "aws_security_group" "clients" {
  # checkov:skip=CKV2_AWS_5: the modules connect and flink use it
  name        = "${var.name}-kafka-clients"
  description = "Connect and Flink, which use Kafka"
  vpc_id      = var.vpc_id
}

# Connect and Flink reach Kafka and, through the VPC's endpoints, S3 and CloudWatch.
resource "aws_vpc_security_group_egress_rule" "clients" {
  security_group_id = aws_security_group.clients.id
  description       = "Kafka, S3, CloudWatch"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = local.iam_port
}

resource "aws_security_group" "brokers" {
  name        = "${var.name}-kafka"
  description = "Brokers"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "shop" {
  for_each          = toset(var.client_cidrs)
  security_group_id = aws_security_group.brokers.id
  description       = "ccs, by SCRAM over TLS"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = local.scram_port
  to_port           = local.scram_port
}

resource "aws_vpc_security_group_ingress_rule" "services" {
  security_group_id            = aws_security_group.brokers.id
  description                  = "Connect and Flink, by IAM"
  referenced_security_group_id = aws_security_group.clients.id
  ip_protocol                  = "tcp"
  from_port                    = local.iam_port
  to_port                      = local.iam_port
}

resource "aws_cloudwatch_log_group" "brokers" {
  # checkov:skip=CKV_AWS_158: encrypted by CloudWatch, or by kms_key_arn where a shop has one
  # checkov:skip=CKV_AWS_338: a month shows why a broker failed; a year of logs is cost
  name              = "/msk/${var.name}"
  retention_in_days = 30
  kms_key_id        = var.kms_key_arn
}

resource "aws_msk_configuration" "shop" {
  name           = var.name
  kafka_versions = [var.settings.version]
  # ccs creates its topics, with their settings.
  server_properties = <<-EOT
    auto.create.topics.enable=false
    default.replication.factor=3
    min.insync.replicas=2
    unclean.leader.election.enable=false
  EOT
}

resource "aws_msk_cluster" "shop" {
  cluster_name           = var.name
  kafka_version          = var.settings.version
  number_of_broker_nodes = length(var.subnet_ids)
  broker_node_group_info {
    instance_type   = var.settings.broker
    client_subnets  = var.subnet_ids
    security_groups = [aws_security_group.brokers.id]
    storage_info {
      ebs_storage_info {
        volume_size = var.settings.disk_gb
      }
    }
  }
  configuration_info {
    arn      = aws_msk_configuration.shop.arn
    revision = aws_msk_configuration.shop.latest_revision
  }
  client_authentication {
    sasl {
      scram = true
      iam   = true
    }
  }
  encryption_info {
    encryption_at_rest_kms_key_arn = var.kms_key_arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers.name
      }
    }
  }
}

resource "aws_msk_single_scram_secret_association" "shop" {
  cluster_arn = aws_msk_cluster.shop.arn
  secret_arn  = var.settings.scram_secret_arn
}

output "arn" { value = aws_msk_cluster.shop.arn }
output "bootstrap_scram" { value = aws_msk_cluster.shop.bootstrap_brokers_sasl_scram }
output "bootstrap_iam" { value = aws_msk_cluster.shop.bootstrap_brokers_sasl_iam }
output "client_security_group_id" { value = aws_security_group.clients.id }
