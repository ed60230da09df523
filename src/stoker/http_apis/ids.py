"""How long the ids of an API's parts are, as those of AWS."""

PART_ID_LENGTH = 7
DEPLOYMENT_ID_LENGTH = 6
