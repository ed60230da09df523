"""Lambda's quotas, each with its unit in its name and its source beside it. Nothing here can be configured.

Source, where no other is given: AWS Lambda Developer Guide, "Lambda quotas"; (R) marks a number that AWS's own error
messages state, (M) one of the public service model.
"""

KIB = 1024
MIB = 1024 * KIB

# Configuration of a function
MEMORY_MB_DEFAULT = 128
MEMORY_MB_MIN = 128
MEMORY_MB_MAX = 10_240  # the model allows 32,768 for managed instances
TIMEOUT_S_DEFAULT = 3
TIMEOUT_S_MIN = 1
TIMEOUT_S_MAX = 900
EPHEMERAL_STORAGE_MB_DEFAULT = 512
EPHEMERAL_STORAGE_MB_MIN = 512
EPHEMERAL_STORAGE_MB_MAX = 10_240
ENVIRONMENT_BYTES_MAX = 4 * KIB  # of all variables as compact JSON (R)
FUNCTION_NAME_LENGTH_MAX = 64  # of a bare name, on CreateFunction (R)
LAYERS_MAX = 5
ALIAS_ADDITIONAL_VERSIONS_MAX = 1  # (R)
FILTERS_MAX = 5  # per event source mapping
POLICY_BYTES_MAX = 20 * KIB  # of one resource policy, as JSON
TAGS_MAX = 50
TAG_KEY_LENGTH_MAX = 128  # (M)
TAG_VALUE_LENGTH_MAX = 256  # (M)

# Deployment packages
ZIPPED_BYTES_MAX = 52_428_800  # (R)
UNZIPPED_BYTES_MAX = 262_144_000  # code and layers together (R)
CODE_STORAGE_BYTES_MAX = 80_530_636_800  # of all packages in an account and region; GetAccountSettings (R)
# AWS states no numbers for these three; they bound what unpacking one package can cost.
PACKAGE_ENTRIES_MAX = 200_000
PACKAGE_PATH_BYTES_MAX = 1_024
PACKAGE_NAME_BYTES_MAX = 255  # NAME_MAX, limits.h

# Invocation
REQUEST_PAYLOAD_BYTES_MAX = 6 * MIB  # 6,291,456 (R)
EVENT_PAYLOAD_BYTES_MAX = 1 * MIB  # asynchronous (R)
RESPONSE_PAYLOAD_BYTES_MAX = 6_291_556  # documented as 6 MB, enforced with 100 bytes more (R)
STREAMED_RESPONSE_BYTES_MAX = 200 * MIB
REQUEST_BODY_BYTES_MAX = 70_167_211  # of CreateFunction and the other control operations (R)
HEADERS_BYTES_MAX = 1 * MIB  # request line and headers together

# Concurrency
CONCURRENT_EXECUTIONS_DEFAULT = 1_000  # per account and region
UNRESERVED_CONCURRENCY_MIN = 100
SCALE_OUT_ENVIRONMENTS_PER_10_S = 1_000  # per function
REQUESTS_PER_S_PER_CONCURRENCY = 10

# A sandbox
MEMORY_MB_PER_VCPU = 1_769
FILE_DESCRIPTORS_MAX = 1_024
PROCESSES_MAX = 1_024

# Answers in pages
MAPPINGS_PAGE_ITEMS_MAX = 100  # event source mappings
PAGE_ITEMS_MAX = 50  # functions and versions, although MaxItems up to 10,000 is accepted
