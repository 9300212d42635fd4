# The release on Azure: secrets come from Key Vault, addresses from the cluster's own ingress, rights from workload identity.

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
    # Sources inside the network, and the cluster's own API server, may be asked.
    settings   = { COPILOT_ALLOWED_PRIVATE_NETWORKS = "${var.cloud.vnet_cidr},10.0.0.1/32" }
    postgresql = { bundled = false }
    valkey     = { bundled = false }
    migrations = { prepare = true }

    serviceAccount = {
      annotations = { "azure.workload.identity/client-id" = var.cloud.app_client_id }
      labels      = { "azure.workload.identity/use" = "true" }
    }

    externalSecrets = {
      enabled     = true
      createStore = true
      serviceAccountAnnotations = {
        "azure.workload.identity/client-id" = var.cloud.secrets_client_id
        "azure.workload.identity/tenant-id" = var.cloud.tenant_id
      }
      provider = {
        azurekv = {
          authType          = "WorkloadIdentity"
          vaultUrl          = var.cloud.vault_url
          serviceAccountRef = { name = "sre-copilot-secrets" }
        }
      }
      data = {
        for key in ["admin-database-url", "owner-database-url", "database-url", "staff-database-url", "redis-url", "secret-keys"] : key => key
      }
    }

    ingress = {
      enabled   = true
      className = "webapprouting.kubernetes.azure.com"
      api       = { host = var.cloud.api_host, tlsSecret = "copilot-tls" }
      ops       = { enabled = true, host = var.cloud.ops_host, tlsSecret = "copilot-ops-tls" }
    }
  }
}
