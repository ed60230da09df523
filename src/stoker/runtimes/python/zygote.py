"""What the zygote of a Python runtime imports of /var/runtime before there is a function (decision 0003)."""

# AWS's runtime client and what it needs: every function's process has these.
CLIENT = ("awslambdaric", "awslambdaric.bootstrap", "awslambdaric.__main__", "http.client", "json", "decimal")
# What a function may import or bring itself.
LIBRARIES = ("boto3", "botocore.session", "botocore.client", "boto3.session", "urllib3", "s3transfer")
