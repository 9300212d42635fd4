# AKS with workload identity: pods speak for a managed identity by their ServiceAccount's token, and no key is stored anywhere.

resource "azurerm_log_analytics_workspace" "this" {
  name                = var.name
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
  retention_in_days   = 90
}

resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${var.name}-cluster"
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
}

resource "azurerm_role_assignment" "network" {
  scope                = var.subnet_id
  role_definition_name = "Network Contributor"
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

resource "azurerm_kubernetes_cluster" "this" {
  # checkov:skip=CKV_AZURE_115:private_cluster_enabled follows from authorized_ip_ranges being empty
  # checkov:skip=CKV_AZURE_232:one pool for all is the smallest installation; a second is the operator's choice
  # checkov:skip=CKV_AZURE_117:platform keys seal the disks; nothing that the product keeps is on them
  # checkov:skip=CKV_AZURE_227:likewise
  name                      = var.name
  location                  = var.resource_group.location
  resource_group_name       = var.resource_group.name
  dns_prefix                = var.name
  kubernetes_version        = var.kubernetes_version
  sku_tier                  = "Standard"
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"
  private_cluster_enabled   = length(var.authorized_ip_ranges) == 0
  oidc_issuer_enabled       = true
  workload_identity_enabled = true
  local_account_disabled    = true
  azure_policy_enabled      = true
  run_command_enabled       = false

  default_node_pool {
    name                         = "system"
    vm_size                      = var.vm_size
    vnet_subnet_id               = var.subnet_id
    auto_scaling_enabled         = true
    min_count                    = 2
    max_count                    = var.max_nodes
    max_pods                     = 60
    zones                        = ["1", "2", "3"]
    os_disk_type                 = "Ephemeral"
    only_critical_addons_enabled = false
    temporary_name_for_rotation  = "rotation"

    upgrade_settings {
      max_surge = "33%"
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    admin_group_object_ids = var.admin_group_ids
  }

  dynamic "api_server_access_profile" {
    for_each = length(var.authorized_ip_ranges) > 0 ? [1] : []
    content {
      authorized_ip_ranges = var.authorized_ip_ranges
    }
  }

  # The ingress class that the chart names: webapprouting.kubernetes.azure.com.
  web_app_routing {
    dns_zone_ids = var.dns_zone_ids
  }

  key_vault_secrets_provider {
    secret_rotation_enabled = true
  }

  oms_agent {
    log_analytics_workspace_id      = azurerm_log_analytics_workspace.this.id
    msi_auth_for_monitoring_enabled = true
  }

  depends_on = [azurerm_role_assignment.network]
}
