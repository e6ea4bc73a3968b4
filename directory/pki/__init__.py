"""Certificates and keys as the directory keeps them: whose, issued by whom, believed or not, renewed, taken back."""
