# The release on AWS: secrets come from Secrets Manager, addresses from two load balancers, rights from IRSA.

provider "helm" {
  kubernetes = {
    config_path    = pathexpand(var.kubeconfig)
    config_context = var.kubernetes_context
  }
}

module "release" {
  source = "../../../../modules/release"

  namespace   = var.cloud.namespace
  more_values = [for file in var.values_files : file(file)]

  values = {
    image     = var.image
    publicUrl = "https://${var.cloud.api_host}"
    opsUrl    = "https://${var.cloud.ops_host}"
    # Sources inside the VPC, and the cluster's own API server, may be asked.
    settings       = { COPILOT_ALLOWED_PRIVATE_NETWORKS = "${var.cloud.vpc_cidr},172.20.0.1/32" }
    postgresql     = { bundled = false }
    valkey         = { bundled = false }
    migrations     = { prepare = true }
    serviceAccount = { annotations = { "eks.amazonaws.com/role-arn" = var.cloud.app_role_arn } }

    externalSecrets = {
      enabled                   = true
      createStore               = true
      serviceAccountAnnotations = { "eks.amazonaws.com/role-arn" = var.cloud.secrets_role_arn }
      dataFrom                  = values(var.cloud.secret_names)
      provider = {
        aws = {
          service = "SecretsManager"
          region  = var.cloud.region
          auth    = { jwt = { serviceAccountRef = { name = "sre-copilot-secrets" } } }
        }
      }
    }

    # The classes are those of `terraform output -raw ingress_classes` in ../
    ingress = {
      enabled = true
      annotations = {
        "alb.ingress.kubernetes.io/target-type"  = "ip"
        "alb.ingress.kubernetes.io/listen-ports" = jsonencode([{ HTTPS = 443 }])
      }
      api = {
        className   = "copilot-public"
        host        = var.cloud.api_host
        annotations = { "alb.ingress.kubernetes.io/healthcheck-path" = "/health/ready" }
      }
      ops = {
        enabled     = true
        className   = "copilot-internal"
        host        = var.cloud.ops_host
        annotations = { "alb.ingress.kubernetes.io/healthcheck-path" = "/admin/login/", "alb.ingress.kubernetes.io/success-codes" = "200,400" }
      }
    }
  }
}
