"""Certificates, authorities, private keys, trust anchors and fetched CRLs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ADDRESS = sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql')


def upgrade() -> None:
    op.create_table('issuer',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('key_place', sa.String(length=300), nullable=False),
    sa.Column('crl_number', sa.BigInteger(), nullable=False),
    sa.Column('crl_due', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("role IN ('root', 'issuing')", name=op.f('ck_issuer_role')),
    sa.CheckConstraint("state IN ('active', 'retired')", name=op.f('ck_issuer_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_issuer')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_issuer_fingerprint')),
    sqlite_with_rowid=False
    )
    op.create_table('issuer_crl',
    sa.Column('issuer_id', sa.String(length=16), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('this_update', sa.BigInteger(), nullable=False),
    sa.Column('next_update', sa.BigInteger(), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("kind IN ('full', 'delta')", name=op.f('ck_issuer_crl_kind')),
    sa.ForeignKeyConstraint(['issuer_id'], ['issuer.id'], name=op.f('fk_issuer_crl_issuer_id')),
    sa.PrimaryKeyConstraint('issuer_id', 'kind', name=op.f('pk_issuer_crl')),
    sqlite_with_rowid=False
    )
    op.create_table('account_key',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_account_key_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_account_key')),
    sqlite_with_rowid=False
    )
    op.create_table('private_key',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=True),
    sa.Column('purpose', sa.String(length=10), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("purpose IN ('signing', 'encryption', 'ocsp')", name=op.f('ck_private_key_purpose')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_private_key_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_private_key'))
    )
    op.create_index(op.f('ix_private_key_account_id'), 'private_key', ['account_id'])
    op.create_table('certificate',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=True),
    sa.Column('issuer_id', sa.String(length=16), nullable=True),
    sa.Column('purpose', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('serial', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('not_after', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.Column('revocation_reason', sa.String(length=30), nullable=False),
    sa.Column('key_id', sa.String(length=16), nullable=True),
    sa.Column('der', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("purpose IN ('signing', 'encryption', 'ocsp', 'tls')", name=op.f('ck_certificate_purpose')),
    sa.CheckConstraint("state IN ('active', 'superseded', 'revoked', 'expired')", name=op.f('ck_certificate_state')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_certificate_account_id')),
    sa.ForeignKeyConstraint(['issuer_id'], ['issuer.id'], name=op.f('fk_certificate_issuer_id')),
    sa.ForeignKeyConstraint(['key_id'], ['private_key.id'], name=op.f('fk_certificate_key_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate'))
    )
    op.create_index('ix_certificate_held', 'certificate', ['account_id', 'purpose', 'state', 'not_after'])
    op.create_index('ix_certificate_revoked', 'certificate', ['issuer_id', 'state', 'revoked_at'])
    op.create_index(op.f('ix_certificate_issuer_id_serial'), 'certificate', ['issuer_id', 'serial'], unique=True)
    op.create_index(op.f('ix_certificate_fingerprint_purpose'), 'certificate', ['fingerprint', 'purpose'], unique=True)
    op.create_index(op.f('ix_certificate_state_not_after'), 'certificate', ['state', 'not_after'])
    op.create_index(op.f('ix_certificate_key_id'), 'certificate', ['key_id'])
    op.create_table('certificate_address',
    sa.Column('address', _ADDRESS, nullable=False),
    sa.Column('certificate_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificate.id'], name=op.f('fk_certificate_address_certificate_id')),
    sa.PrimaryKeyConstraint('address', 'certificate_id', name=op.f('pk_certificate_address')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_certificate_address_certificate_id'), 'certificate_address', ['certificate_id'])
    op.create_table('trust_anchor',
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('purposes', sa.String(length=40), nullable=False),
    sa.Column('domains', sa.Text(), nullable=False),
    sa.Column('lists_revocations', sa.Boolean(), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('fingerprint', name=op.f('pk_trust_anchor'))
    )
    op.create_table('known_authority',
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('fingerprint', name=op.f('pk_known_authority'))
    )
    op.create_table('fetched_crl',
    sa.Column('url', sa.String(length=500), nullable=False),
    sa.Column('fetched_at', sa.BigInteger(), nullable=False),
    sa.Column('next_update', sa.BigInteger(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('url', name=op.f('pk_fetched_crl'))
    )
