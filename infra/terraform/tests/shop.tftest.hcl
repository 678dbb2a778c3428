# Plans with a provider that answers by itself: schemas, conditions and policies, no account.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::my-lake" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/my-shop-copy" }
  }
  mock_resource "aws_msk_cluster" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/my-shop/4d1" }
  }
  mock_resource "aws_redshiftserverless_workgroup" {
    defaults = { arn = "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/4d1", endpoint = [{ address = "my-shop.example", port = 5439 }] }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:my-shop" }
  }
  mock_resource "aws_cloudwatch_log_stream" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:my-shop:log-stream:job" }
  }
  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:123456789012:configuration/my-shop/4d1", latest_revision = 1 }
  }
  mock_resource "aws_mskconnect_custom_plugin" {
    defaults = { arn = "arn:aws:kafkaconnect:eu-central-1:123456789012:custom-plugin/my-shop/4d1", latest_revision = 1 }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  name       = "my-shop"
  region     = "eu-central-1"
  bucket     = "my-lake"
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-a", "subnet-b", "subnet-c"]
}

run "the_lake_is_private_encrypted_and_versioned" {
  command = apply
  assert {
    condition     = module.lake.bucket == "my-lake"
    error_message = "the bucket has another name"
  }
  assert {
    condition     = output.roles.app == null && output.roles.copy != null
    error_message = "without trusted_arns only Redshift's role is created"
  }
  assert {
    condition     = strcontains(output.env, "S3_BUCKET=my-lake\n") && strcontains(output.env, "RS_HOST=my-shop.example\n")
    error_message = "the output env must have what ccs reads"
  }
  assert {
    condition     = !strcontains(output.env, "RS_PWD")
    error_message = "no output may have a password"
  }
}

run "everything_is_planned" {
  command = apply
  variables {
    trusted_arns = ["arn:aws:iam::123456789012:role/server"]
    client_cidrs = ["10.0.0.0/16"]
    kafka        = { scram_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_shop-a1" }
    connect      = { plugin_key = "plugins/s3.zip", configuration = { "connector.class" = "io.confluent.connect.s3.S3SinkConnector" } }
    flink        = { jar_key = "jobs/job.jar" }
    budget       = { usd = 100, email = "owner@shop.example" }
  }
  assert {
    condition     = strcontains(output.env, "KAFKA_BROKERS=")
    error_message = "the output env lacks Kafka"
  }
}

run "only_the_lake_needs_no_vpc" {
  command = plan
  variables {
    warehouse  = null
    vpc_id     = null
    subnet_ids = []
  }
  assert {
    condition     = length(module.warehouse) == 0
    error_message = "no warehouse was asked for"
  }
}

run "the_whole_internet_is_refused" {
  command = plan
  variables { client_cidrs = ["0.0.0.0/0"] }
  expect_failures = [var.client_cidrs]
}

run "a_wildcard_may_not_take_a_role" {
  command = plan
  variables { trusted_arns = ["arn:aws:iam::123456789012:role/*"] }
  expect_failures = [var.trusted_arns]
}

run "a_prefix_ends_with_a_slash" {
  command = plan
  variables { prefix = "shop" }
  expect_failures = [var.prefix]
}
